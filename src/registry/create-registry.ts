import { hostHasher } from "../hash/index.ts";
import { formatReference, parseReference, type Reference, repositoryName } from "../oci/reference.ts";
import { createRepository } from "./create-repository.ts";
import { createTransport } from "./create-transport.ts";
import { pushImage } from "./push/push-image.ts";
import { registryTarget } from "./push/registry-target.ts";
import type { Registry, RegistryOptions } from "./registry.ts";
import type { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";
import { createTransportState } from "./transport-state.ts";
import { createUploadSharing } from "./upload/create-uploader.ts";

/**
 * A client for registries. It asks nobody before it is used; repositories of one registry share credentials, tokens and patience.
 * @throws SlipwayError `INVALID_ARGUMENT` for options that cannot be meant
 */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const transports = new Map<string, RegistryTransport>();
  const sharing = createUploadSharing();
  const state = createTransportState();
  const transportOf = (registry: string, insecure: boolean): RegistryTransport => {
    const key = insecure ? `insecure ${registry}` : registry;
    const known = transports.get(key);
    if (known !== undefined) return known;
    const transport = createTransport(registry, insecure ? { ...options, insecure } : options, state);
    transports.set(key, transport);
    return transport;
  };
  const repositoryOf = (reference: Reference, insecure = false): Repository =>
    createRepository(
      {
        transport: transportOf(reference.domain, insecure),
        name: repositoryName(reference),
        path: reference.path,
        hasher: options.hasher ?? hostHasher,
        options,
      },
      sharing,
    );
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
      const reference = parseReference(name);
      return registryTarget(repositoryOf(reference), reference, options);
    },
    async push(image, name, { insecure, ...how } = {}) {
      const reference = parseReference(name);
      const { concurrency } = options;
      return await pushImage(repositoryOf(reference, insecure === true), image, reference, { ...how, concurrency });
    },
  };
}
