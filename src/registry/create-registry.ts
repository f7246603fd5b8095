import { SlipwayError } from "../errors.ts";
import { hostHasher } from "../hash/index.ts";
import { formatReference, parseReference, type Reference, repositoryName } from "../oci/reference.ts";
import { createRepository } from "./create-repository.ts";
import { createTransport } from "./create-transport.ts";
import type { Registry, RegistryOptions } from "./registry.ts";
import type { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

/**
 * A client for registries. It asks nobody before it is used; repositories of one registry share credentials, tokens and patience.
 * @throws SlipwayError `INVALID_ARGUMENT` for options that cannot be meant
 */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const transports = new Map<string, RegistryTransport>();
  const transportOf = (registry: string): RegistryTransport => {
    const known = transports.get(registry);
    if (known !== undefined) return known;
    const transport = createTransport(registry, options);
    transports.set(registry, transport);
    return transport;
  };
  const repositoryOf = (reference: Reference): Repository =>
    createRepository({
      transport: transportOf(reference.domain),
      name: repositoryName(reference),
      path: reference.path,
      hasher: options.hasher ?? hostHasher,
      options,
    });
  return {
    repository: (name) => repositoryOf(parseReference(name)),
    source(name) {
      const reference = parseReference(name);
      const repository = repositoryOf(reference);
      return {
        description: name,
        async resolve(operation) {
          // Whoever copies reads the manifest next; asking for it at once spares a request, and it is remembered.
          const wanted = reference.digest ?? reference.tag ?? "latest";
          const { descriptor } = await repository.fetchManifest(wanted, operation);
          return { descriptor, content: repository.content, names: [formatReference(reference)] };
        },
      };
    },
    target(name) {
      throw new SlipwayError("UNSUPPORTED", `Cannot push to ${name}: this client only reads`);
    },
    push: (_, name) =>
      Promise.reject(new SlipwayError("UNSUPPORTED", `Cannot push to ${name}: this client only reads`)),
  };
}
