/**
 * The client for registries (distribution-spec): pull, push, discovery and management, over an injected `fetch`.
 *
 * @module
 */

export { createRegistry } from "./create-registry.ts";
export type { CredentialProvider, RegistryCredentials } from "./credentials.ts";
export type { Registry, RegistryOptions, RegistryTimers, RetryOptions } from "./registry.ts";
export type { FetchedManifest, Repository, UploadOutcome, UploadSource } from "./repository.ts";
export type { RegistryRequest, RegistryResponse, RegistryTransport, RequestBody } from "./transport.ts";
