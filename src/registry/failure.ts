import type { SlipwayError } from "../errors.ts";

/** What is known of why a request failed, besides what its error says. */
export interface RequestFailure {
  /** Whether the same request may succeed later. */
  readonly passing: boolean;
  /** In a few words: `429 Too Many Requests`, `the connection failed`. */
  readonly reason: string;
  /** The answer's status, if there was an answer. */
  readonly status?: number | undefined;
  /** The distribution-spec's codes of the answer (`BLOB_UPLOAD_UNKNOWN`), as the registry gave them. */
  readonly codes?: readonly string[] | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
  /** Where the request went. */
  readonly origin?: string | undefined;
}

const failures = new WeakMap<object, RequestFailure>();

/** Remembers why a request failed with its error. @returns the error */
export function withFailure(error: SlipwayError, failure: RequestFailure): SlipwayError {
  failures.set(error, failure);
  return error;
}

/** How far causes are looked through: chains may be circular. */
const CAUSES = 8;

/** What is known of a request's failure, from its error or one that has it as its cause. */
export function failureOf(error: unknown): RequestFailure | undefined {
  let current = error;
  for (let depth = 0; depth < CAUSES && typeof current === "object" && current !== null; depth++) {
    const failure = failures.get(current);
    if (failure !== undefined) return failure;
    current = (current as { readonly cause?: unknown }).cause;
  }
  return undefined;
}
