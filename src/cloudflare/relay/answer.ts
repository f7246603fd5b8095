import { lengthOf, passBody } from "./bodies.ts";
import { badGateway, denied, type RelayError } from "./relay-error.ts";

/** The answer with its body, which is neither longer than a limit nor than it says. */
export async function answered(
  request: Request,
  response: Response,
  headers: Headers,
  limit: number,
): Promise<Response> {
  const { status, body } = response;
  // What was compressed on the way has been unpacked: then nobody knows its length.
  const encoding = response.headers.get("content-encoding") ?? "identity";
  const length = encoding === "identity" ? lengthOf(response.headers) : undefined;
  const tooLong = (): RelayError => badGateway(`Cannot relay an answer: it has more than ${limit} bytes`);
  const isEmpty = request.method === "HEAD" || body === null || [204, 205, 304].includes(status);
  if (length !== undefined && length > limit && !isEmpty) {
    await body?.cancel();
    throw tooLong();
  }
  if (length !== undefined) headers.set("content-length", String(length));
  if (!isEmpty) return new Response(passBody(body, length, limit, tooLong).stream, { status, headers });
  await body?.cancel();
  return new Response(null, { status, headers });
}

/** Who goes on with an upload, or is led to another address, must be able to do so through the relay. */
export function mustLeadOn(response: Response, headers: Headers, registry: string): void {
  const { status } = response;
  const needsLocation = status === 202 || (status >= 300 && status < 400 && status !== 304);
  if (!needsLocation || !response.headers.has("location") || headers.has("location")) return;
  void response.body?.cancel();
  throw denied(`Cannot relay: ${registry} leads to an address that is not part of its API`);
}
