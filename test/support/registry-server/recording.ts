import type { IncomingHttpHeaders } from "node:http";

/** A request that one of a test registry's servers got. Counts and status grow until the answer has ended. */
export interface RecordedRequest {
  /** Which server got it: the registry itself, its token service, or the storage at another origin. */
  readonly server: "registry" | "token" | "storage";
  readonly method: string;
  /** Path and query, as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** How many requests this server got before. */
  readonly index: number;
  /** Bytes of the body that came in. */
  bytesIn: number;
  /** Bytes of the body that were written out. */
  bytesOut: number;
  /** Undefined until the head of the answer is written. */
  status: number | undefined;
}

/** `PUT /v2/hello/manifests/1`: method and path, without the query. */
export const requestLine = ({ method, url }: Pick<RecordedRequest, "method" | "url">): string =>
  `${method} ${url.split("?")[0]}`;
