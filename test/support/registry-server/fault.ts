/** What a server does wrong with one request. All but the first few are done to the right answer. */
export type Fault =
  /** Answers something else; the request's body is read and thrown away. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Answers `status` with a body that goes on for `bytes`, for as long as somebody reads it. */
  | { readonly kind: "flood"; readonly status: number; readonly bytes: number }
  /** Never answers; the connection stays. */
  | { readonly kind: "silence" }
  /** Cuts the connection when `after` bytes of the request's body were taken in. */
  | { readonly kind: "cut request"; readonly after: number }
  /** Cuts the connection when `after` bytes of the answer's body were sent; 0: before its head. */
  | { readonly kind: "cut response"; readonly after: number }
  /** Replaces headers of the answer; undefined leaves one out. */
  | { readonly kind: "headers"; readonly headers: Readonly<Record<string, string | undefined>> }
  /** Replaces the status of the answer and keeps its body. */
  | { readonly kind: "status"; readonly status: number }
  /** Replaces the body, with a Content-Length that fits. */
  | { readonly kind: "body"; readonly body: string | Uint8Array; readonly headers?: Readonly<Record<string, string>> }
  /** One bit of the body is wrong. */
  | { readonly kind: "flip"; readonly at: number }
  /** The body ends early or goes on, with a Content-Length that fits, or with none. */
  | { readonly kind: "resize"; readonly by: number; readonly chunked?: boolean }
  /** Content-Length says so many bytes more than there are (or less); then the connection ends. */
  | { readonly kind: "lying length"; readonly by: number }
  /** A body that is small on the wire and `bytes` long when its Content-Encoding is undone. */
  | { readonly kind: "gzip bomb"; readonly bytes: number }
  /** Head or body come byte by byte, one every so many milliseconds. */
  | { readonly kind: "dribble"; readonly part: "head" | "body"; readonly every: number };
