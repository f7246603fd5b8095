import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Answer, ApiRequest } from "./distribution.ts";
import type { Fault } from "./fault.ts";
import type { RecordedRequest } from "./recording.ts";

/** One of a test registry's servers. */
export interface RecordingServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

/** The connection was cut on purpose. */
class Cut extends Error {}

/**
 * Serves on a free port of loopback, records every request, and does the faults that `on` asks for.
 * @param cors whether pages of any origin may read
 */
export async function serveRecorded(
  server: RecordedRequest["server"],
  requests: RecordedRequest[],
  handle: (request: ApiRequest) => Promise<Answer>,
  on: ((request: RecordedRequest) => Fault | "ok" | undefined) | undefined,
  cors: boolean,
): Promise<RecordingServer> {
  let count = 0;
  const http = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (incoming, outgoing) => {
    const { method = "GET", url = "/", headers } = incoming;
    const record: RecordedRequest = {
      server,
      method,
      url,
      headers,
      index: count++,
      bytesIn: 0,
      bytesOut: 0,
      status: undefined,
    };
    requests.push(record);
    incoming.on("error", () => undefined);
    outgoing.on("error", () => undefined);
    exchange(incoming, outgoing, record, handle, on, cors).catch((error: unknown) => {
      if (!(error instanceof Cut) && !outgoing.headersSent && !incoming.destroyed) {
        outgoing.writeHead(500).end(String(error));
        record.status = 500;
      }
      outgoing.destroy();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(http.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

async function exchange(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  record: RecordedRequest,
  handle: (request: ApiRequest) => Promise<Answer>,
  on: ((request: RecordedRequest) => Fault | "ok" | undefined) | undefined,
  cors: boolean,
): Promise<void> {
  const asked = on?.(record);
  const fault = asked === "ok" ? undefined : asked;
  const cutAfter = fault?.kind === "cut request" ? fault.after : Number.POSITIVE_INFINITY;
  const body = bodyOf(incoming, record, cutAfter);
  if (fault?.kind === "silence") {
    for await (const _chunk of body);
    return;
  }
  let answer: Answer;
  if (cors && record.method === "OPTIONS") {
    answer = { status: 204, headers: {} };
  } else if (fault?.kind === "answer" || fault?.kind === "flood") {
    for await (const _chunk of body);
    answer =
      fault.kind === "answer"
        ? { status: fault.status, headers: fault.headers ?? {}, body: bytesOf(fault.body ?? "") }
        : { status: fault.status, headers: { "content-type": "text/plain" } };
  } else {
    const url = new URL(record.url, "http://registry.invalid");
    answer = await handle({ method: record.method, url, headers: record.headers, body });
    for await (const _chunk of body);
  }
  await write(outgoing, record, cors ? { ...answer, headers: { ...answer.headers, ...CORS } } : answer, fault);
}

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "HEAD, GET, OPTIONS, POST, PUT, PATCH, DELETE",
  "access-control-allow-headers": "Authorization, Accept, Content-Type, Content-Range, Range",
  "access-control-expose-headers":
    "Docker-Content-Digest, Location, Range, Content-Range, Docker-Upload-UUID, Link, WWW-Authenticate, OCI-Chunk-Min-Length, OCI-Subject, OCI-Filters-Applied, Retry-After",
};

async function* bodyOf(
  incoming: IncomingMessage,
  record: RecordedRequest,
  cutAfter: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    const rest = cutAfter - record.bytesIn;
    const taken = rest < chunk.byteLength ? chunk.subarray(0, rest) : chunk;
    record.bytesIn += taken.byteLength;
    if (taken.byteLength > 0) yield new Uint8Array(taken);
    if (record.bytesIn >= cutAfter) throw new Cut();
  }
}

const bytesOf = (body: string | Uint8Array): Uint8Array => (typeof body === "string" ? Buffer.from(body) : body);

const BLOCK = 64 * 1024;

async function write(
  outgoing: ServerResponse,
  record: RecordedRequest,
  answer: Answer,
  fault: Fault | undefined,
): Promise<void> {
  let { status, body = new Uint8Array() } = answer;
  const headers: Record<string, string | undefined> = { ...answer.headers };
  const hasBody = record.method !== "HEAD" && status !== 204;
  let length: number | undefined = body.byteLength;
  let cutAfter = Number.POSITIVE_INFINITY;
  let every = 0;
  switch (fault?.kind) {
    case "cut response":
      cutAfter = fault.after;
      break;
    case "headers":
      for (const [name, value] of Object.entries(fault.headers)) headers[name.toLowerCase()] = value;
      break;
    case "status":
      status = fault.status;
      break;
    case "body":
      body = bytesOf(fault.body);
      length = body.byteLength;
      Object.assign(headers, fault.headers);
      break;
    case "flip": {
      const at = Math.min(fault.at, body.byteLength - 1);
      body = new Uint8Array(body);
      body[at] = (body[at] ?? 0) ^ 1;
      break;
    }
    case "resize": {
      const resized = new Uint8Array(Math.max(body.byteLength + fault.by, 0));
      resized.set(body.subarray(0, resized.byteLength));
      body = resized;
      length = fault.chunked ? undefined : body.byteLength;
      break;
    }
    case "lying length":
      length += fault.by;
      headers.connection = "close";
      cutAfter = body.byteLength;
      break;
    case "gzip bomb":
      body = bomb(fault.bytes);
      length = body.byteLength;
      headers["content-encoding"] = "gzip";
      break;
    case "dribble":
      every = fault.every;
      break;
  }
  if (cutAfter === 0 && fault?.kind === "cut response") throw new Cut();
  if (fault?.kind === "flood") length = fault.bytes;
  if (length !== undefined && status !== 204) headers["content-length"] ??= String(length);
  for (const [name, value] of Object.entries(headers)) if (value === undefined) delete headers[name];
  record.status = status;
  if (fault?.kind === "dribble" && fault.part === "head") {
    const head = [
      `HTTP/1.1 ${status} OK`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "",
      "",
    ];
    await dribble(outgoing, Buffer.concat([Buffer.from(head.join("\r\n")), hasBody ? body : new Uint8Array()]), every);
    return;
  }
  outgoing.writeHead(status, headers as Record<string, string>);
  if (!hasBody) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  const send = async (chunk: Uint8Array): Promise<void> => {
    if (outgoing.destroyed) throw new Cut();
    record.bytesOut += chunk.byteLength;
    if (outgoing.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        outgoing.off("drain", done);
        outgoing.off("close", done);
        resolve();
      };
      outgoing.on("drain", done);
      outgoing.on("close", done);
    });
  };
  if (fault?.kind === "flood") {
    const block = new Uint8Array(BLOCK).fill(0x78);
    for (let sent = 0; sent < fault.bytes; sent += BLOCK) await send(block.subarray(0, fault.bytes - sent));
  } else if (every > 0) {
    for (let sent = 0; sent < body.byteLength && !outgoing.destroyed; sent++) {
      await send(body.subarray(sent, sent + 1));
      await pause(every);
    }
  } else {
    const end = Math.min(body.byteLength, cutAfter);
    for (let sent = 0; sent < end; sent += BLOCK) await send(body.subarray(sent, Math.min(sent + BLOCK, end)));
  }
  if (cutAfter === Number.POSITIVE_INFINITY) {
    outgoing.end();
    return;
  }
  // What was written must leave before the connection is cut.
  const { socket } = outgoing;
  await new Promise<void>((resolve) => {
    if (socket === null || socket.destroyed) resolve();
    else socket.write("", () => resolve());
  });
  throw new Cut();
}

async function dribble(outgoing: ServerResponse, bytes: Uint8Array, every: number): Promise<void> {
  const { socket } = outgoing;
  for (let sent = 0; sent < bytes.byteLength && socket !== null && !socket.destroyed; sent++) {
    socket.write(bytes.subarray(sent, sent + 1));
    await pause(every);
  }
  throw new Cut();
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Many gzip members, one after the other, of zeros. */
function bomb(bytes: number): Uint8Array {
  const member = gzipSync(Buffer.alloc(16 * 1024 * 1024));
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / (16 * 1024 * 1024)) }, () => member));
}
