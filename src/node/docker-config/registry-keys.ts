/** Under what `docker login` keeps the credentials for Docker Hub: the address of its first API. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

const DOCKER_HUB: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/**
 * The registry that a key of Docker's config is about: `ghcr.io` of `ghcr.io`, `https://ghcr.io` and `https://ghcr.io/v1/`. Other
 * paths are about something else: `https://index.docker.io/v1/access-token` (Docker Desktop) is no password, and podman's
 * `quay.io/team` is for some repositories only.
 */
export function registryOfKey(key: string): string | undefined {
  return /^(?:https?:\/\/)?([^/]+)(?:\/(?:v[12]\/?)?)?$/.exec(key)?.[1];
}

/** Docker Hub has several names. */
export function sameRegistry(a: string | undefined, b: string): boolean {
  return a === b || (a !== undefined && DOCKER_HUB.has(a) && DOCKER_HUB.has(b));
}

/** How `docker login` calls a registry when it hands its credentials to a helper. */
export function helperKey(registry: string): string {
  return DOCKER_HUB.has(registry) ? DOCKER_HUB_KEY : registry;
}
