import { dockerCredentials, nodeHasher } from "../node/index.ts";
import { createRegistry, type Registry } from "../registry/index.ts";
import { Interruption } from "./interrupt.ts";
import { UploadRecords } from "./upload-records.ts";

/** How registries are talked to. */
export interface RegistryClientOptions {
  /** The flag `--insecure`. */
  readonly insecure?: boolean | undefined;
}

/** A client with the credentials of `docker login`, for who uploads nothing. */
export function registryClient({ insecure }: RegistryClientOptions): Registry {
  return createRegistry({ credentials: dockerCredentials(), insecure: insecure === true, hasher: nodeHasher });
}

/**
 * Runs `work` with a client that remembers unfinished uploads, so that a killed push goes on when it is run again.
 * @param options `store`: the directory of the store that remembers them
 */
export async function withUploads<T>(
  options: RegistryClientOptions & { readonly store: string; readonly warn: (message: string) => void },
  work: (registry: Registry) => Promise<T>,
): Promise<T> {
  const records = new UploadRecords(options.store, options.warn);
  const registry = createRegistry({
    credentials: dockerCredentials(),
    insecure: options.insecure === true,
    hasher: nodeHasher,
    metadata: records,
  });
  try {
    return await work(registry);
  } catch (error) {
    if (records.pending) {
      const hint = "run it again, and it goes on with what was uploaded";
      if (error instanceof Interruption) error.hint = hint;
      else options.warn(`the upload is not lost: ${hint}`);
    }
    throw error;
  } finally {
    await records.close();
  }
}
