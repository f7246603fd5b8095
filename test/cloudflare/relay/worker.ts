import { createRegistryRelay, type RegistryRelay, type RegistryRelayOptions } from "../../../src/cloudflare/index.ts";

/** What the Worker finds in its environment. */
interface Environment {
  /** Options of the relay in JSON. */
  readonly RELAY: string;
}

let relay: RegistryRelay | undefined;

/** A Worker that is only a relay, under `/registry/`. */
export default {
  async fetch(request: Request, { RELAY }: Environment): Promise<Response> {
    relay ??= createRegistryRelay(JSON.parse(RELAY) as RegistryRelayOptions);
    return (await relay.fetch(request)) ?? new Response("not the relay's", { status: 404 });
  },
};
