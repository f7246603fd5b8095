import { createRegistryRelay, type RegistryRelay } from "slipway/cloudflare";
import { HttpError } from "./http.ts";
import { type Env, registriesOf, wordsOf } from "./settings.ts";
import { isEqual } from "./token.ts";

let known: { readonly key: string; readonly relay: RegistryRelay } | undefined;

/**
 * Passes requests of pages on to the registries of `REGISTRIES`: `/registry/REGISTRY/v2/…`.
 * @throws HttpError 404 where there are none
 */
export async function relay(request: Request, env: Env): Promise<Response> {
  const registries = registriesOf(env);
  if (registries.length === 0) {
    throw new HttpError(404, "NOT_FOUND", "Cannot relay: this Worker has no REGISTRIES that it may talk to");
  }
  const { PAGES, RELAY_ACTIONS, RELAY_TOKEN = "" } = env;
  // Kept for the next request: it remembers for a while which token services the registries have.
  const key = JSON.stringify([registries, PAGES, RELAY_ACTIONS, RELAY_TOKEN]);
  if (known?.key !== key) {
    known = {
      key,
      relay: createRegistryRelay({
        registries,
        origins: PAGES === "*" ? "*" : wordsOf(PAGES),
        allowNoOrigin: async ({ headers }) =>
          RELAY_TOKEN !== "" && (await isEqual(headers.get("x-relay-token") ?? "", RELAY_TOKEN)),
        actions: RELAY_ACTIONS === "pull push" ? ["pull", "push"] : ["pull"],
        // For `npm run worker`: whoever puts 127.0.0.1:5000 on the list means a registry of this machine.
        insecure: true,
      }),
    };
  }
  const response = await known.relay.fetch(request);
  if (response === undefined)
    throw new HttpError(404, "NOT_FOUND", "Cannot relay: there are only /registry/REGISTRY/v2/…");
  return response;
}
