import { HttpError } from "./http.ts";

/**
 * The body as it comes in, up to a limit.
 * @throws HttpError 400 if there is none, 413 if it says that it is too large; its chunks fail with 413 if it turns out to be
 */
export function limitedBody(request: Request, limit: number): AsyncIterable<Uint8Array> {
  const { body } = request;
  if (body === null) throw noBody();
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  return limited(body, limit);
}

async function* limited(body: ReadableStream<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done && size === 0) throw noBody();
      if (done) return;
      size += value.byteLength;
      if (size > limit) throw tooLarge(limit);
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

const noBody = (): HttpError => new HttpError(400, "INVALID_TAR", "Cannot build: send a tar or tar.gz as the body");

const tooLarge = (limit: number): HttpError =>
  new HttpError(413, "SIZE_INVALID", `Cannot build: the body has more than ${limit} bytes`);
