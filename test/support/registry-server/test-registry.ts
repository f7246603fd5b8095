import {
  type ApiRequest,
  blobAnswer,
  createDistribution,
  type DistributionOptions,
  refusal,
  scopesOf,
} from "./distribution.ts";
import type { Fault } from "./fault.ts";
import { serveRecorded } from "./http-server.ts";
import type { RecordedRequest } from "./recording.ts";
import { Repositories } from "./repositories.ts";
import { type AuthOptions, basic, createTokenService } from "./token-service.ts";

export type { Fault } from "./fault.ts";
export { type RecordedRequest, requestLine } from "./recording.ts";
export { digestLike, type StoredManifest, type StoredRepository, type StoredUpload } from "./repositories.ts";
export { type AuthOptions, basic } from "./token-service.ts";

/** How a test registry is, and what it does wrong. Without any option: all of distribution-spec, open to all, well-behaved. */
export interface TestRegistryOptions extends Omit<DistributionOptions, "storage"> {
  /** Default: requests need no credentials. */
  readonly auth?: AuthOptions;
  /** Whether pages of any origin may talk to it. Default false. */
  readonly cors?: boolean;
  /** Whether a GET of a blob is redirected to the storage at another origin, which refuses requests with `Authorization`. Default false. */
  readonly redirectsBlobs?: boolean;
  /** How the registry writes the addresses of its other servers. Default `http://127.0.0.1:PORT`. */
  readonly origins?: { readonly token?: string; readonly storage?: string };
  /** Asked for each request of any of the three servers, when its head is there; `"ok"` or nothing: it is served well. */
  readonly on?: (request: RecordedRequest) => Fault | "ok" | undefined;
}

/** A registry in this process, on loopback. */
export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Where its tokens come from. */
  readonly tokenHost: string;
  /** A server at another origin: blobs by `/REPOSITORY/DIGEST`, also where a test sends clients by a false address. */
  readonly storageHost: string;
  /** All requests to all three, in their order. */
  readonly requests: readonly RecordedRequest[];
  /** What it holds, to look at and to change. */
  readonly repositories: Repositories;
  /** Makes every token that was given out invalid. */
  revokeTokens(): void;
  stop(): Promise<void>;
}

/** Starts a registry that keeps everything in memory. */
export async function startTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { auth, cors = false, on } = options;
  const requests: RecordedRequest[] = [];
  const repositories = new Repositories();
  const tokens = auth?.kind === "bearer" ? createTokenService(auth) : undefined;

  const token = await serveRecorded(
    "token",
    requests,
    async (request) => (await tokens?.handle(request)) ?? { status: 404, headers: {} },
    on,
    cors,
  );
  const storage = await serveRecorded(
    "storage",
    requests,
    async ({ method, url, headers }) => {
      const [, name = "", digest = ""] = /^\/(.+)\/([^/]+)$/.exec(url.pathname) ?? [];
      const blob = repositories.get(name)?.blobs.get(decodeURIComponent(digest));
      if (blob === undefined || (method !== "GET" && method !== "HEAD")) return { status: 404, headers: {} };
      // As storage with signed addresses does.
      if (headers.authorization !== undefined)
        return refusal(400, "InvalidArgument", "Only one auth mechanism allowed");
      return blobAnswer(blob, digest, headers.range, options.ranges !== false);
    },
    on,
    cors,
  );
  const distribution = createDistribution(repositories, {
    ...options,
    ...(options.redirectsBlobs && { storage: options.origins?.storage ?? `http://${storage.host}` }),
  });
  const realm = `${options.origins?.token ?? `http://${token.host}`}/token`;
  const challenge = ({ method, url, headers }: ApiRequest): string | undefined => {
    const { authorization } = headers;
    if (auth?.kind === "basic") {
      return authorization === basic(auth.username, auth.password) ? undefined : 'Basic realm="test registry"';
    }
    if (tokens === undefined) return undefined;
    const scopes = scopesOf(method, url);
    const outcome = tokens.check(typeof authorization === "string" ? authorization : undefined, scopes);
    if (outcome === "granted") return undefined;
    const scope = scopes.length > 0 ? `,scope="${scopes.join(" ")}"` : "";
    const error = { absent: "", invalid: ',error="invalid_token"', insufficient: ',error="insufficient_scope"' }[
      outcome
    ];
    return `Bearer realm="${realm}",service="test-registry"${scope}${error}`;
  };
  const registry = await serveRecorded(
    "registry",
    requests,
    async (request) => {
      const wanted = challenge(request);
      if (wanted === undefined) return distribution(request);
      for await (const _chunk of request.body);
      return refusal(401, "UNAUTHORIZED", "authentication required", {
        "www-authenticate": wanted,
        "docker-distribution-api-version": "registry/2.0",
      });
    },
    on,
    cors,
  );
  return {
    host: registry.host,
    tokenHost: token.host,
    storageHost: storage.host,
    requests,
    repositories,
    revokeTokens: () => tokens?.revoke(),
    async stop() {
      await Promise.all([registry.stop(), token.stop(), storage.stop()]);
    },
  };
}
