import { SlipwayError } from "../errors.ts";
import { withFailure } from "./failure.ts";

/** Codes of Node and Bun (and OpenSSL below them) of what will be the same a minute later. */
const LASTING: readonly RegExp[] = [
  /^ENOTFOUND$/,
  /^(?:CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO$|SELF_SIGNED|DEPTH_ZERO)/,
];

/** What `fetch` rejected with, as an error that says where the request went and what to do. */
export function networkError(
  error: unknown,
  { url, doing }: { readonly url: URL; readonly doing: string },
): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const codes = causes(error).map((cause) => String((cause as { readonly code?: unknown }).code ?? ""));
  const lasting = codes.find((code) => LASTING.some((pattern) => pattern.test(code)));
  const secured = lasting !== undefined && lasting !== "ENOTFOUND";
  // The standard forbids some ports (Fetch, "port blocking"): nothing was sent, and nothing will be.
  const blocked = causes(error).some((cause) => (cause as { readonly message?: unknown }).message === "bad port");
  return withFailure(
    new SlipwayError(
      "UNAVAILABLE",
      `Cannot ${doing}: no connection to ${url.host} (${describe(error)})${secured ? TLS_HINT : corsHint()}`,
      { cause: error },
    ),
    { passing: lasting === undefined && !blocked, reason: "the connection failed", origin: url.origin },
  );
}

const TLS_HINT = "; if it has no certificate and is to be trusted nevertheless, name it among the insecure registries";

/** Pages are not told whether nobody listens or they are not let in. */
const corsHint = (): string =>
  (globalThis as { readonly location?: unknown }).location === undefined
    ? ""
    : "; it may not let pages of other origins in (CORS): a relay can";

function causes(error: unknown): readonly object[] {
  const found: object[] = [];
  let current = error;
  while (typeof current === "object" && current !== null && found.length < 8) {
    found.push(current);
    // Of several addresses that were tried, the first tells enough.
    const { cause, errors } = current as { readonly cause?: unknown; readonly errors?: unknown };
    current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return found;
}

/** The innermost message: "fetch failed" says nothing. */
function describe(error: unknown): string {
  const messages = causes(error).flatMap((cause) => {
    const { message } = cause as { readonly message?: unknown };
    return typeof message === "string" && message !== "" ? [message] : [];
  });
  return messages.at(-1) ?? String(error);
}
