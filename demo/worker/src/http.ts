import { isSlipwayError, type SlipwayErrorCode } from "slipway";

/** An answer that says what is wrong, in the form that registries use. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  toResponse(): Response {
    return json({ errors: [{ code: this.code, message: this.message }] }, this.status, this.headers);
  }
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${JSON.stringify(value, undefined, 2)}\n`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** What the client did wrong; everything else is ours. */
const BAD_REQUEST: ReadonlySet<SlipwayErrorCode> = new Set<SlipwayErrorCode>([
  "INVALID_ARGUMENT",
  "INVALID_COMPRESSION",
  "INVALID_DIGEST",
  "INVALID_OPTION",
  "INVALID_PATH",
  "INVALID_PLATFORM",
  "INVALID_REFERENCE",
  "INVALID_TAR",
  "IS_A_DIRECTORY",
  "NOT_A_DIRECTORY",
  "SYMLINK_LOOP",
  "UNSUPPORTED",
]);

export function errorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (isSlipwayError(error)) {
    if (error.code === "NOT_FOUND") return new HttpError(404, error.code, error.message);
    if (error.code === "UNAVAILABLE") return new HttpError(503, error.code, error.message, { "retry-after": "5" });
    // What a registry said of a base.
    if (error.code === "UNAUTHENTICATED" || error.code === "PERMISSION_DENIED") {
      return new HttpError(403, "DENIED", error.message);
    }
    if (error.code === "RESOURCE_EXHAUSTED") {
      return new HttpError(503, error.code, error.message, { "retry-after": "60" });
    }
    if (error.code === "INVALID_RESPONSE") return new HttpError(502, error.code, error.message);
    if (BAD_REQUEST.has(error.code)) return new HttpError(400, error.code, error.message);
    return new HttpError(500, error.code, error.message);
  }
  return new HttpError(500, "INTERNAL", "Cannot answer: something went wrong in the Worker");
}

/** @throws HttpError 405 unless the request's method is one of these */
export function mustBe(request: Request, ...methods: readonly string[]): void {
  if (methods.includes(request.method)) return;
  throw new HttpError(
    405,
    "UNSUPPORTED",
    `Cannot ${request.method} ${new URL(request.url).pathname}: only ${methods.join(", ")} will do`,
    { allow: methods.join(", ") },
  );
}

/** The answer to a HEAD is that to a GET, without its body. */
export function withoutBody(response: Response): Response {
  void response.body?.cancel();
  return new Response(null, response);
}

/** A body that says how long it is. */
export function sized(body: ReadableStream<Uint8Array>, size: number, init: ResponseInit): Response {
  // Workers take the length of a body from streams of this kind, and of an answer to HEAD from the header.
  const { FixedLengthStream } = globalThis as {
    readonly FixedLengthStream?: new (size: number) => TransformStream<Uint8Array, Uint8Array>;
  };
  const headers = { ...init.headers, "content-length": String(size) };
  return new Response(FixedLengthStream === undefined ? body : body.pipeThrough(new FixedLengthStream(size)), {
    ...init,
    headers,
  });
}
