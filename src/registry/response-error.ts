import { chunksOf, concatBytes } from "../bytes.ts";
import { SlipwayError, type SlipwayErrorCode } from "../errors.ts";
import { withFailure } from "./failure.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import { statusText } from "./status.ts";

/** What an error is told of besides the answer. */
export interface ResponseErrorOptions {
  /** For messages, after "Cannot ". */
  readonly doing: string;
  /** As in references. */
  readonly registry: string;
  /** Whether the request was sent with a user's credentials, or a token for them. */
  readonly authenticated: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether it is a token service's answer: that it does not know something says nothing of what the registry has. Default false. */
  readonly tokenService?: boolean;
  /** What was tried, to be said at the end. */
  readonly tried?: string | undefined;
}

/** Bytes of an answer's body that are looked at. */
const BODY_LIMIT = 64 * 1024;
/** Characters that are taken over into a message. */
const TEXT_LIMIT = 1000;
const DETAIL_LIMIT = 200;

/** Reads an answer that is none as an error (distribution-spec, "Error Codes"). */
export async function responseError(answer: HttpAnswer, options: ResponseErrorOptions): Promise<SlipwayError> {
  const { status } = answer;
  const { doing, registry, now } = options;
  const url = new URL(answer.url);
  const told = parseErrors(await readSome(answer));
  const general = codeOf(status, told.codes);
  const code = options.tokenService === true ? tokenServiceCode(status, general) : general;
  const hint = hintFor(status, code, options);
  return withFailure(
    new SlipwayError(
      code,
      `Cannot ${doing}: ${url.host} answered ${statusText(status)}${told.text === "" ? "" : ` (${told.text})`}${hint(registry)}${options.tried === undefined ? "" : `; ${options.tried}`}`,
    ),
    {
      passing: PASSING.has(status),
      reason: statusText(status),
      status,
      codes: told.codes,
      retryAfter: parseRetryAfter(answer.headers.get("retry-after"), now),
      origin: url.origin,
    },
  );
}

/** What may be otherwise a moment later; 520 … 524 are those of Cloudflare, behind which registries stand. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]);

const CODES: Readonly<Record<number, SlipwayErrorCode>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNSUPPORTED",
  407: "UNAUTHENTICATED",
  408: "UNAVAILABLE",
  409: "FAILED_PRECONDITION",
  410: "NOT_FOUND",
  412: "FAILED_PRECONDITION",
  413: "UNSUPPORTED",
  415: "UNSUPPORTED",
  416: "OUT_OF_RANGE",
  425: "UNAVAILABLE",
  429: "RESOURCE_EXHAUSTED",
  451: "PERMISSION_DENIED",
  501: "UNSUPPORTED",
  507: "NO_SPACE",
};

/** The distribution-spec's codes that say more than the status. */
const SPEC_CODES: Readonly<Record<string, SlipwayErrorCode>> = {
  DIGEST_INVALID: "DIGEST_MISMATCH",
  SIZE_INVALID: "SIZE_MISMATCH",
  UNSUPPORTED: "UNSUPPORTED",
};

function codeOf(status: number, codes: readonly string[]): SlipwayErrorCode {
  const known = CODES[status];
  if (known !== undefined) return known;
  if (status >= 500) return "UNAVAILABLE";
  // Success or a redirect that the request cannot have.
  if (status < 400) return "INVALID_RESPONSE";
  for (const code of codes) if (Object.hasOwn(SPEC_CODES, code)) return SPEC_CODES[code] ?? "INVALID_ARGUMENT";
  return "INVALID_ARGUMENT";
}

/** OAuth2 refuses a grant by 400 (RFC 6749, section 5.2). */
function tokenServiceCode(status: number, code: SlipwayErrorCode): SlipwayErrorCode {
  if (status === 400) return "UNAUTHENTICATED";
  const asUsual: readonly SlipwayErrorCode[] = [
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
  ];
  return asUsual.includes(code) ? code : "INVALID_RESPONSE";
}

function hintFor(
  status: number,
  code: SlipwayErrorCode,
  { authenticated }: ResponseErrorOptions,
): (registry: string) => string {
  if (code === "UNAUTHENTICATED") {
    return (registry) =>
      authenticated
        ? `; it did not take the credentials for ${registry}, or they do not reach so far`
        : `; log in with "docker login ${registry}", or give credentials for it`;
  }
  if (status === 403) return (registry) => `; the user at ${registry} may not do that`;
  if (status === 413) return () => "; it takes no request of that size: a smaller chunkSize may help";
  if (status === 429) return () => "; try again later, or log in, which often allows more";
  if (status === 507) return () => "; its storage is full";
  return () => "";
}

/** The body's beginning. Nothing that is wrong with it matters more than the status. */
async function readSome(answer: HttpAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of chunksOf(answer.body)) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= BODY_LIMIT) break;
    }
  } catch {
    // What came is enough, or nothing is.
  }
  return new TextDecoder().decode(concatBytes(chunks).subarray(0, BODY_LIMIT));
}

interface ToldErrors {
  readonly codes: readonly string[];
  readonly text: string;
}

/** `{"errors":[{"code":…,"message":…,"detail":…}]}`, or a line of text. */
function parseErrors(body: string): ToldErrors {
  const errors = errorsOf(body);
  if (errors === undefined) {
    const line = printable(body);
    return { codes: [], text: line.startsWith("<") || line.startsWith("{") ? "" : line.slice(0, DETAIL_LIMIT) };
  }
  const codes: string[] = [];
  const texts: string[] = [];
  for (const error of errors.slice(0, 5)) {
    const { code, message, detail } = error;
    if (typeof code === "string" && /^\w{1,64}$/.test(code)) codes.push(code);
    const parts = [code, message].filter((part): part is string => typeof part === "string" && part !== "");
    const more = detail === undefined || detail === null || detail === "" ? "" : ` (${detailText(detail)})`;
    texts.push(`${parts.join(": ")}${more}`);
  }
  return { codes, text: printable(texts.join("; ")).slice(0, TEXT_LIMIT) };
}

type ToldError = Readonly<Record<string, unknown>>;

function errorsOf(body: string): readonly ToldError[] | undefined {
  const isRecord = (value: unknown): value is ToldError => typeof value === "object" && value !== null;
  try {
    const document = JSON.parse(body) as { readonly errors?: unknown } | null;
    return Array.isArray(document?.errors) ? document.errors.filter(isRecord) : undefined;
  } catch {
    return undefined;
  }
}

function detailText(detail: unknown): string {
  if (typeof detail === "string") return detail.slice(0, DETAIL_LIMIT);
  try {
    return JSON.stringify(detail).slice(0, DETAIL_LIMIT);
  } catch {
    // Engines can read what is nested too deep for them to write.
    return "…";
  }
}

/** Without what would move a terminal's cursor or turn text around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}

/** Milliseconds from now that `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3). */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
