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
  /**
   * Registries that may be talked to by plain http, where nothing answers by https, and that may lead to addresses of one's own network:
   * all, or those of this list. Loopback always may. Default none.
   */
  readonly insecure?: boolean | readonly string[] | undefined;
  /**
   * Whether credentials may be sent to a token service at another origin than the registry's. Asked once for each, and only for those
   * by https, or on loopback for a registry on loopback. Default: yes if both are reached by https (the registry may also be on
   * loopback), as with Docker Hub.
   */
  readonly allowTokenService?: ((service: URL, registry: string) => boolean) | undefined;
  /** Where unfinished uploads are remembered, so that another run goes on with them. Default: nowhere. */
  readonly metadata?: MetadataStore | undefined;
  /** Blobs that are moved at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  /** Bytes of one request of an upload. Default: whole blobs where the host can send them without holding them in memory. */
  readonly chunkSize?: number | undefined;
  /** How long a request is tried again. */
  readonly retry?: RetryOptions | undefined;
  /** The `User-Agent` header. Default: the host's own. Not for pages, for which it would be a header that registries do not allow. */
  readonly userAgent?: string | undefined;
  /** Whether layers are fetched from the foreign addresses that their descriptors name. Default false: they are refused. */
  readonly foreignLayers?: boolean | undefined;
  /** Where requests go instead: a relay's address, under which `/v2/` of each registry lies as `RELAY/REGISTRY/v2/`. */
  readonly relay?: string | undefined;
  /** Default `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Clock, waiting and chance, for tests. */
  readonly timers?: RegistryTimers | undefined;
}

/** The budget of one request. */
export interface RetryOptions {
  /** Tries besides the first, default 5. */
  readonly tries?: number | undefined;
  /**
   * The longest that is waited in all between tries, seconds, default 300. Where something is achieved in between, as with the pages of a
   * list and the parts of a blob, it begins anew; ten times as long is the most for one list or blob.
   */
  readonly patience?: number | undefined;
  /**
   * Seconds after which an answer that does not come, or hardly goes on, is given up, default 60. A registry that has to store something
   * has five times as long to begin its answer.
   */
  readonly idle?: number | undefined;
}

/** What a client needs of time. */
export interface RegistryTimers {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** 0 ≤ x < 1, to spread retries. */
  random(): number;
  /** Calls back after so many milliseconds, for answers that stall. Default: the host's own. @returns calls it off */
  after?(milliseconds: number, callback: () => void): () => void;
}

/** A client for registries: distribution-spec's pull, push, discovery and management. */
export interface Registry extends ImagePusher {
  /**
   * One repository. Nobody is asked yet.
   * @param name with or without tag: `alpine`, `localhost:5000/hello`
   * @throws SlipwayError `INVALID_REFERENCE`
   */
  repository(name: string): Repository;
  /**
   * An image to copy from. Its `resolve` fetches the manifest or index, and nothing else.
   * @param reference `NAME[:TAG][@DIGEST]`, where the digest counts if there is one
   * @throws SlipwayError `INVALID_REFERENCE`
   */
  source(reference: string): ImageSource;
  /** A name to copy to. @throws SlipwayError `INVALID_REFERENCE` */
  target(reference: string): ImageTarget;
}
