import type { ImagePusher } from "../exporter/image-pusher.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import type { ImageSource, ImageTarget } from "../transfer/transfer.ts";
import type { CredentialProvider } from "./credentials.ts";
import type { Repository } from "./repository.ts";

/** What a registry client works with. */
export interface RegistryOptions {
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** Default: none, all requests are anonymous. `dockerCredentials` of `slipway/node` reads those of `docker login`. */
  readonly credentials?: CredentialProvider | undefined;
  /** Registries that may be talked to by plain http: all, or those of this list. Loopback always may. Default none. */
  readonly insecure?: boolean | readonly string[] | undefined;
  /**
   * Whether credentials may be sent to a token service at another origin than the registry's, which the registry named by https.
   * Asked once for each. Default: yes for https, as registries such as Docker Hub need it.
   */
  readonly allowTokenService?: ((service: URL, registry: string) => boolean) | undefined;
  /** Where unfinished uploads are remembered, so that another run goes on with them. Default: nowhere. */
  readonly metadata?: MetadataStore | undefined;
  /** Blobs that are moved at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  /** Bytes of one request of an upload. Default: whole blobs where the host can send them without holding them in memory. */
  readonly chunkSize?: number | undefined;
  /** Tries of one request besides the first, default 5; and the longest that is waited in all, seconds, default 300. */
  readonly retry?: { readonly tries?: number | undefined; readonly patience?: number | undefined } | undefined;
  /** Whether layers are fetched from the foreign addresses that their descriptors name. Default false: they are refused. */
  readonly foreignLayers?: boolean | undefined;
  /** Where requests go instead: a relay's address, under which `/v2/` of each registry lies as `RELAY/REGISTRY/v2/`. */
  readonly relay?: string | undefined;
  /** Default `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Clock, waiting and chance, for tests. */
  readonly timers?: RegistryTimers | undefined;
}

/** What a client needs of time. */
export interface RegistryTimers {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** 0 ≤ x < 1, to spread retries. */
  random(): number;
}

/** A client for registries: distribution-spec's pull, push, discovery and management. */
export interface Registry extends ImagePusher {
  /** @param name with or without tag: `alpine`, `localhost:5000/hello` */
  repository(name: string): Repository;
  /** An image to copy from. @param reference `NAME[:TAG][@DIGEST]` */
  source(reference: string): ImageSource;
  /** A name to copy to. */
  target(reference: string): ImageTarget;
}
