import type { OperationOptions } from "../progress.ts";

/** What a user is known by at a registry. One of the three forms; without any, requests are anonymous. */
export interface RegistryCredentials {
  /** Together with `password`: Basic, also to the token service. */
  readonly username?: string | undefined;
  /** Of that user, or a token in its place. */
  readonly password?: string | undefined;
  /** An OAuth2 refresh token, as `docker login` keeps it where a registry gives one. */
  readonly identityToken?: string | undefined;
  /** A Bearer token that is sent to the registry as it is. */
  readonly registryToken?: string | undefined;
}

/**
 * Finds the credentials for a registry.
 * @param registry as in references: `docker.io`, `localhost:5000`
 * @returns undefined: none are known, and requests are anonymous
 */
export type CredentialProvider = (
  registry: string,
  options: Pick<OperationOptions, "signal">,
) => RegistryCredentials | undefined | Promise<RegistryCredentials | undefined>;
