import { chunksOf, readAll, toReadableStream } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { RegistryOptions } from "./registry.ts";
import type { RegistryTransport } from "./transport.ts";

/** The transport to one registry. */
export function createTransport(registry: string, options: RegistryOptions = {}): RegistryTransport {
  const send: RegistryTransport["sendOnce"] = async (request, { signal }) => {
    const { body } = request;
    const streamed = body !== undefined && "open" in body ? toReadableStream(body.open()) : body;
    const response = await (options.fetch ?? fetch)(new URL(request.url, `http://${registry}`), {
      method: request.method,
      ...(request.headers && { headers: request.headers }),
      ...(streamed !== undefined && { body: streamed, duplex: "half" }),
      ...(signal && { signal }),
    });
    if (!(request.accept?.includes(response.status) ?? response.ok)) {
      throw new SlipwayError(
        response.status === 404 ? "NOT_FOUND" : "UNAVAILABLE",
        `Cannot ${request.doing}: ${response.status} ${await response.text()}`,
      );
    }
    const chunks = chunksOf(response.body ?? new Uint8Array());
    return {
      status: response.status,
      headers: response.headers,
      url: response.url,
      body: chunks,
      bytes: (limit) => readAll(chunks, limit, request.doing),
      cancel: async () => {
        await chunks.return();
      },
    };
  };
  return { registry, send, sendOnce: send, retry: (_doing, attempt) => attempt(0) };
}
