/** An answer of the relay's own that says what is wrong, in the form that registries use (distribution-spec, "Error Codes"). */
export class RelayError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
  }

  toResponse(): Response {
    return new Response(JSON.stringify({ errors: [{ code: this.code, message: this.message }] }), {
      status: this.status,
      headers: { "content-type": "application/json", ...this.headers },
    });
  }
}

/** What a registry or a storage behind it did that the relay cannot pass on. */
export const badGateway = (message: string, cause?: unknown): RelayError =>
  new RelayError(502, "UNAVAILABLE", message, { cause });

/** What the relay may not do. */
export const denied = (message: string): RelayError => new RelayError(403, "DENIED", message);

/** What is no address of the relay. */
export const notFound = (message: string): RelayError => new RelayError(404, "NAME_UNKNOWN", message);
