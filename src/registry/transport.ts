import type { ReopenableSource } from "../bytes.ts";
import type { OperationOptions } from "../progress.ts";

/** What a request carries. A `Blob` stays where it is until it is sent. */
export type RequestBody = Uint8Array<ArrayBuffer> | Blob | ReopenableSource;

/** One request to a registry. */
export interface RegistryRequest {
  /** HEAD's answers have no body. */
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path of the registry's API with its query (`/v2/library/alpine/manifests/3`), or an absolute URL that the registry itself named. */
  readonly url: string;
  /** Besides what the transport sets by itself (authorization, user agent). */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Opened anew for each try. */
  readonly body?: RequestBody | undefined;
  /** What the request needs leave for: `repository:library/alpine:pull`. */
  readonly scopes: readonly string[];
  /** Statuses that are answers for the caller; all others become errors. Default 200 … 299. */
  readonly accept?: readonly number[] | undefined;
  /** For messages, after "Cannot ": `fetch manifest library/alpine:3`. */
  readonly doing: string;
}

/** What a registry answered. The body is read once, or cancelled. */
export interface RegistryResponse {
  /** One of those that the request accepts. */
  readonly status: number;
  /** Of other origins, pages are told only those that are named in `Access-Control-Expose-Headers`. */
  readonly headers: Headers;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** Chunks as they come; a connection that is cut makes `next()` reject with `UNAVAILABLE`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as bytes. @throws SlipwayError `SIZE_MISMATCH` beyond `limit` bytes */
  bytes(limit: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Lets go of the connection without reading. Harmless after the end. */
  cancel(): Promise<void>;
}

/** How something is tried again. */
export interface RetryingOptions extends OperationOptions {
  /** Asked after each failure; true gives the whole budget anew, as something was achieved. */
  readonly progressed?: (() => boolean) | undefined;
  /** What was waited so far, where several calls achieve one thing. Default: this call's own. */
  readonly waits?: { milliseconds: number } | undefined;
}

/**
 * How one registry is talked to: its addresses, credentials, redirects, and patience. The rest of the room knows only this.
 */
export interface RegistryTransport {
  /** As in references: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /**
   * Sends a request, and again for as long as what went wrong may pass (408, 429, 5xx, a connection that was cut before the
   * answer's head), within the budget.
   * @throws SlipwayError `NOT_FOUND` (404), `UNAUTHENTICATED` (401), `PERMISSION_DENIED` (403, or what may not be sent there),
   *   `RESOURCE_EXHAUSTED` (429), `UNAVAILABLE` (5xx, network), `INVALID_RESPONSE`, `UNSUPPORTED` (405, 501); the signal's reason
   */
  send(request: RegistryRequest, options: OperationOptions): Promise<RegistryResponse>;
  /** Sends a request once: for what must look first before it tries again. */
  sendOnce(request: RegistryRequest, options: OperationOptions): Promise<RegistryResponse>;
  /**
   * Runs `attempt` until it succeeds, fails for good, or the budget is spent; waits in between as the registry asks or ever longer.
   * @param attempt gets the number of tries before it. Whether a failure may pass is told by its code and cause
   * However much is achieved, no more than ten times the patience is waited in all.
   */
  retry<T>(doing: string, attempt: (tries: number) => Promise<T>, options: RetryingOptions): Promise<T>;
}
