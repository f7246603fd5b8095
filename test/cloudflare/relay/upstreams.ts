import { toReadableStream } from "../../../src/bytes.ts";
import { createRegistryRelay, type RegistryRelayOptions } from "../../../src/cloudflare/index.ts";

/** One request that left the relay. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | undefined;
}

/** What some server answers. */
export type Server = (sent: Sent) => Response | Promise<Response>;

/** Where the relay of a test is mounted. */
export const RELAY = "https://relay.example.com/registry";

/** A relay whose requests go to servers of the test, by origin; all are recorded. Its callers need no origin, unless a test says so. */
export function relayTo(
  servers: Readonly<Record<string, Server>>,
  options: Partial<RegistryRelayOptions> = {},
): {
  readonly sent: readonly Sent[];
  ask(path: string, init?: RequestInit & { readonly duplex?: "half" }): Promise<Response>;
} {
  const sent: Sent[] = [];
  const relay = createRegistryRelay({
    registries: ["registry.example.com", "docker.io"],
    allowNoOrigin: true,
    fetch: async (input, init = {}) => {
      const url = String(input);
      const request: Sent = {
        method: init.method ?? "GET",
        url,
        headers: new Headers(init.headers),
        body: init.body as Sent["body"],
      };
      sent.push(request);
      init.signal?.throwIfAborted();
      const server = servers[new URL(url).origin];
      if (server === undefined) throw new TypeError(`connection refused: ${url}`);
      return await server(request);
    },
    ...options,
  });
  return {
    sent,
    async ask(path, init) {
      const response = await relay.fetch(new Request(path.startsWith("http") ? path : `${RELAY}/${path}`, init));
      if (response === undefined) throw new Error(`${path} is not the relay's`);
      return response;
    },
  };
}

/** The code of the first error of an answer. */
export async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { readonly errors: readonly { readonly code: string }[] };
  return `${response.status} ${errors[0]?.code}`;
}

/** A body of so many chunks, that tells how many of them were made. */
export function madeOnDemand(
  chunks: number,
  size: number,
): { readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>; readonly made: () => number } {
  let made = 0;
  async function* make(): AsyncGenerator<Uint8Array> {
    while (made < chunks) {
      made++;
      yield new Uint8Array(size);
    }
  }
  return { stream: toReadableStream(make()) as ReadableStream<Uint8Array<ArrayBuffer>>, made: () => made };
}
