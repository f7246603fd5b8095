import { concatBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { withFailure } from "./failure.ts";
import { networkError } from "./network-error.ts";
import type { RegistryTimers } from "./registry.ts";
import { copiesStreams, openRequestBody } from "./request-body.ts";
import { hostTimers } from "./timers.ts";
import type { RegistryResponse, RequestBody } from "./transport.ts";

/** One request as it goes out, to one address. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly redirect: "manual" | "follow";
  /** For messages, after "Cannot ". */
  readonly doing: string;
}

/** What came back. */
export interface HttpAnswer extends RegistryResponse {
  /** `opaqueredirect` where a browser hides a redirect. */
  readonly type: ResponseType;
  /** Reads the rest if that is little, so that the connection can be used again; otherwise lets go of it. */
  drain(): Promise<void>;
}

/** Sends single requests. */
export type HttpExchange = (request: HttpRequest, signal: AbortSignal | undefined) => Promise<HttpAnswer>;

/** What {@link createHttpExchange} works with. */
export interface HttpExchangeOptions {
  readonly fetch?: typeof fetch | undefined;
  readonly timers: RegistryTimers;
  /** Milliseconds without a byte after which an answer is given up. */
  readonly idle: number;
}

/** Who has to store something before the answer may take longer: so many times. */
const IDLE_WHEN_WRITING = 5;
/** Bytes per second that are expected of who sends a body of which the host tells nothing. */
const SLOWEST_SENDING = 16 * 1024;
/** Bytes per second, on average over the idle time, below which an answer counts as stalled. */
const SLOWEST_ANSWER = 256;
/** Bytes that are read to the end rather than to lose the connection, and milliseconds that are waited for them. */
const DRAINED = 64 * 1024;
const DRAIN_TIME = 2000;

/** Sends requests by `fetch`; gives up on answers that stall, and tells failures of the network as what they are. */
export function createHttpExchange({ fetch: ownFetch, timers, idle }: HttpExchangeOptions): HttpExchange {
  const after: After = (milliseconds, callback) =>
    timers.after?.(milliseconds, callback) ?? hostTimers.after(milliseconds, callback);
  /** @param copied whether the host may keep all of a streamed body, which Node's does to see redirects */
  const exchange = async (
    request: HttpRequest,
    signal: AbortSignal | undefined,
    copied: boolean,
  ): Promise<HttpAnswer> => {
    const { method, url } = request;
    signal?.throwIfAborted();
    // Made here: what is wrong with a header is no failure of the network.
    const headers = requestHeaders(request);
    const flight = new Flight(request, signal, idle, after);
    // Some servers answer before they have the whole body; then only the answer is waited for.
    let answered = false;
    try {
      const writing = method !== "GET" && method !== "HEAD";
      const patience = idle * (writing ? IDLE_WHEN_WRITING : 1);
      const body = await openRequestBody(request.body, {
        onReading: () => answered || flight.rest(),
        onSending: () => answered || flight.expect(patience),
      });
      if (body.streamed) headers.set("content-length", String(body.size));
      flight.expect(patience + (body.streamed ? 0 : (body.size / SLOWEST_SENDING) * 1000));
      const uncopied = body.streamed && !copied && copiesStreams();
      const init: RequestInit & { duplex?: "half" } = {
        method,
        headers,
        ...(uncopied ? ({ redirect: "error", window: null } as const) : { redirect: request.redirect }),
        // A relay may be of the page's own origin: it needs no cookies, and no password that the browser knows or asks for by itself.
        ...((globalThis as { readonly location?: unknown }).location !== undefined && { credentials: "omit" }),
        signal: flight.signal,
        ...body.init,
      };
      // Not called as a method: browsers refuse that.
      const send = ownFetch ?? fetch;
      const sending = send(url.href, init);
      // Not every fetch listens to the signal: an answer that nobody waits for any more is let go of.
      sending.then(
        (late) => (flight.signal.aborted ? late.body?.cancel().catch(() => undefined) : undefined),
        () => undefined,
      );
      const response = await flight.wait(sending).catch((error: unknown) => {
        signal?.throwIfAborted();
        if (uncopied && isRedirectError(error)) return undefined;
        const failure = body.failure();
        throw failure === undefined ? networkError(error, request) : failure.error;
      });
      answered = true;
      flight.rest();
      if (response === undefined) {
        flight.abandon();
        return await exchange(request, signal, true);
      }
      return answerOf(response, request, flight, { timers, idle, after });
    } catch (error) {
      answered = true;
      flight.abandon();
      throw error;
    }
  };
  return (request, signal) => exchange(request, signal, false);
}

/** What Node's fetch says of a redirect that was not to be: the innermost cause has it. */
function isRedirectError(error: unknown): boolean {
  const { message, cause } = error as { readonly message?: unknown; readonly cause?: unknown };
  return message === "unexpected redirect" || (typeof cause === "object" && cause !== null && isRedirectError(cause));
}

function requestHeaders({ headers: given, doing, method }: HttpRequest): Headers {
  try {
    const headers = new Headers(given);
    // What fetch decompresses by itself has another length and another digest. Pages cannot set it and do not need to.
    if (!headers.has("accept-encoding") && (method === "GET" || method === "HEAD")) {
      headers.set("accept-encoding", "identity");
    }
    return headers;
  } catch (error) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot ${doing}: a header cannot be sent`, { cause: error });
  }
}

type After = NonNullable<RegistryTimers["after"]>;

/** The time of one exchange: from when something is expected until it is there, or the caller's patience or ours has an end. */
class Flight {
  readonly #controller = new AbortController();
  readonly #request: HttpRequest;
  readonly #caller: AbortSignal | undefined;
  readonly #idle: number;
  readonly #after: After;
  #stop: (() => void) | undefined;
  /** Rejects what is being waited for: not every host's streams listen to the signal. */
  #reject: ((reason: unknown) => void) | undefined;

  constructor(request: HttpRequest, caller: AbortSignal | undefined, idle: number, after: After) {
    this.#request = request;
    this.#caller = caller;
    this.#idle = idle;
    this.#after = after;
    caller?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #onAbort = (): void => this.#fail(this.#caller?.reason);

  #fail(reason: unknown): void {
    this.rest();
    this.#reject?.(reason);
    this.#controller.abort(reason);
  }

  /** Something must happen within so many milliseconds, counted from now. */
  expect(milliseconds: number): void {
    this.rest();
    this.#stop = this.#after(milliseconds, () => this.stall());
  }

  /** Nothing is expected for now. */
  rest(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  stall(): void {
    this.#fail(stalled(this.#request, this.#idle));
  }

  /** Waits for one thing. The promise is not raced with one that lives long, which would keep every chunk that came. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      if (this.signal.aborted) reject(this.signal.reason);
      promise.then(resolve, reject);
    }).finally(() => {
      this.#reject = undefined;
    });
  }

  end(): void {
    this.rest();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  abandon(): void {
    this.end();
    this.#controller.abort();
  }
}

const stalled = ({ url, doing }: HttpRequest, idle: number): SlipwayError =>
  withFailure(
    new SlipwayError(
      "UNAVAILABLE",
      `Cannot ${doing}: ${url.host} has stalled, it sent too little for ${idle / 1000} s`,
    ),
    { passing: true, reason: `it stalled for ${idle / 1000} s`, origin: url.origin },
  );

/** A response with its body as it is to be read. */
function answerOf(
  response: Response,
  request: HttpRequest,
  flight: Flight,
  { timers, idle, after }: { readonly timers: RegistryTimers; readonly idle: number; readonly after: After },
): HttpAnswer {
  const { method, doing, url } = request;
  const { headers } = response;
  const hasBody = response.body !== null && method !== "HEAD";
  if (!hasBody) flight.end();
  const length = hasBody ? contentLength(headers) : undefined;
  const reader = hasBody ? response.body?.getReader() : undefined;
  // One chunk ahead of who reads: when a connection is cut, some hosts throw away what has come and was not taken yet.
  let ahead = reader && readAhead(reader);
  let state: "new" | "reading" | "ended" = hasBody ? "new" : "ended";
  let cancelled = false;
  let count = 0;

  const end = async (): Promise<void> => {
    if (state === "ended") return;
    state = "ended";
    cancelled = true;
    const gone = reader?.cancel().catch(() => undefined);
    flight.abandon();
    await gone;
  };
  /** A connection that ended before its time, or did not say so. */
  const cut = (reason: string, cause?: unknown): SlipwayError =>
    withFailure(
      new SlipwayError(
        "UNAVAILABLE",
        `Cannot ${doing}: the answer of ${url.host} broke off after ${count}${length === undefined ? "" : ` of ${length}`} bytes, ${reason}`,
        { cause },
      ),
      { passing: true, reason: "the answer broke off", origin: url.origin },
    );

  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    if (cancelled) throw new SlipwayError("FAILED_PRECONDITION", `Cannot ${doing}: its answer was cancelled`);
    if (state === "ended") return;
    state = "reading";
    let waited = 0;
    let came = 0;
    try {
      while (reader !== undefined && ahead !== undefined) {
        const start = timers.now();
        flight.expect(idle);
        const { done, value } = await flight.wait(ahead);
        flight.rest();
        if (done) {
          if (length !== undefined && count < length) throw cut("its end is missing");
          state = "ended";
          flight.end();
          return;
        }
        ahead = readAhead(reader);
        count += value.byteLength;
        // Pages are not told of a Content-Encoding of other origins, for which the length would be that before decoding.
        if (length !== undefined && count > length && response.type !== "cors") {
          throw new SlipwayError(
            "INVALID_RESPONSE",
            `Cannot ${doing}: ${url.host} sends more than the ${length} bytes it announced`,
          );
        }
        waited += timers.now() - start;
        came += value.byteLength;
        if (waited >= idle) {
          if (came < (SLOWEST_ANSWER * waited) / 1000) {
            flight.stall();
            throw stalled(request, idle);
          }
          waited = 0;
          came = 0;
        }
        yield value;
      }
    } catch (error) {
      if (flight.signal.aborted) throw flight.signal.reason;
      throw error instanceof SlipwayError ? error : cut("the connection was cut", error);
    } finally {
      await end();
    }
  }

  const body = read();
  return {
    status: response.status,
    type: response.type,
    headers,
    url: response.url === "" ? url.href : response.url,
    body,
    async bytes(limit) {
      const tooLong = (): SlipwayError =>
        new SlipwayError("SIZE_MISMATCH", `Cannot ${doing}: the answer of ${url.host} is longer than ${limit} bytes`);
      if (length !== undefined && length > limit) {
        await end();
        throw tooLong();
      }
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of body) {
        size += chunk.byteLength;
        if (size > limit) throw tooLong();
        chunks.push(chunk);
      }
      return concatBytes(chunks);
    },
    cancel: end,
    async drain() {
      if (state !== "new") return end();
      if (length !== undefined && length > DRAINED) return end();
      const stop = after(DRAIN_TIME, () => void end());
      try {
        let size = 0;
        for await (const chunk of body) {
          size += chunk.byteLength;
          if (size > DRAINED) return;
        }
      } catch {
        // What is thrown away may as well break off.
      } finally {
        stop();
      }
    },
  };
}

function readAhead(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
  const next = reader.read();
  // Whoever waits for it is told; perhaps nobody does any more.
  next.catch(() => undefined);
  return next;
}

/** The body's length as it was announced, unless what is read of it is something else. */
function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  const encoding = headers.get("content-encoding") ?? "identity";
  return text !== null && /^\d{1,15}$/.test(text) && encoding === "identity" ? Number(text) : undefined;
}
