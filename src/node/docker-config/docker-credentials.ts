import process from "node:process";
import { SlipwayError } from "../../errors.ts";
import type { CredentialProvider, RegistryCredentials } from "../../registry/credentials.ts";
import type { Permission } from "../permission.ts";
import { helperFor, keysOf, readConfigFile, storedCredentials } from "./config-file.ts";
import { askHelper } from "./credential-helper.ts";
import { CONFIG_VARIABLES, dockerConfigFile, type Environment, podmanAuthFile } from "./locations.ts";
import { helperKey } from "./registry-keys.ts";
import { type HelperRunner, nodeHelperRunner } from "./run-helper.ts";

/** Where {@link dockerCredentials} looks. */
export interface DockerCredentialsOptions {
  /** A file in the form of Docker's `config.json` that is used instead of those of the user; it must be there. */
  readonly file?: string | undefined;
  /** Environment variables, also for credential helpers. Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Seconds in which a credential helper must answer; some ask the user for a passphrase. Default 60. */
  readonly timeout?: number | undefined;
}

/** What differs between runtimes. */
export interface CredentialsHost {
  /** Sees to it that all of this is granted. @throws SlipwayError `PERMISSION_DENIED` */
  readonly need: (doing: string, permissions: readonly Permission[]) => Promise<void>;
  readonly run: HelperRunner;
}

/**
 * The credentials that `docker login` has kept, for `createRegistry` of `slipway/registry`: those of `$DOCKER_CONFIG/config.json`, or else
 * `.docker/config.json` in the user's home. Where that has nothing for a registry, those that `podman login` has kept count:
 * `$REGISTRY_AUTH_FILE`, or else `$XDG_RUNTIME_DIR/containers/auth.json`.
 *
 * Of each file a credential helper comes first (`credHelpers`, or else `credsStore`: the program `docker-credential-NAME`), then `auths`
 * with `auth`, `identitytoken`, `registrytoken`, or `username` and `password`. Files are read and helpers run when a registry's credentials are asked
 * for, each time anew, so that a login meanwhile counts; nothing is written. Of podman's file only entries for whole registries count.
 *
 * Deno asks for leave to read the environment and the file, and to run the helper; `slipway/deno` names in its errors what is missing.
 *
 * @example
 * ```ts
 * import { createRegistry } from "slipway/registry";
 * import { dockerCredentials } from "slipway/node";
 *
 * const registry = createRegistry({ credentials: dockerCredentials() });
 * ```
 * @returns a provider that throws SlipwayError `INVALID_DOCUMENT` naming a file that is not valid JSON or has not the form of Docker's, or a
 *   helper that answers something else; `FAILED_PRECONDITION` if a helper is not installed, `IO` if it fails or takes too long,
 *   `PERMISSION_DENIED`; the signal's reason. No message has a secret in it.
 */
export function dockerCredentials(options: DockerCredentialsOptions = {}): CredentialProvider {
  return dockerCredentialsBy(options, { need: async () => undefined, run: nodeHelperRunner(options.env) });
}

/** {@link dockerCredentials} with what a runtime needs for it. */
export function dockerCredentialsBy(options: DockerCredentialsOptions, host: CredentialsHost): CredentialProvider {
  const { file, timeout = 60 } = options;
  if (!(timeout > 0 && timeout <= 86_400)) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot wait ${timeout} seconds for a credential helper`);
  }
  return async (registry, { signal }) => {
    signal?.throwIfAborted();
    const question = { registry, timeout, signal, host };
    if (file !== undefined) return await credentialsIn(file, question, "must be there");
    const doing = `read the credentials of docker login for ${registry}`;
    // At the call, not before: looking at the environment may need leave.
    if (options.env === undefined) await host.need(doing, CONFIG_VARIABLES);
    const env: Environment = options.env ?? process.env;
    const main = dockerConfigFile(env);
    await host.need(doing, [{ name: "read", path: main }]);
    const found = await credentialsIn(main, question);
    if (found !== undefined) return found;
    const other = podmanAuthFile(env);
    return other === undefined ? undefined : await credentialsIn(other, question);
  };
}

interface Question {
  readonly registry: string;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly host: CredentialsHost;
}

async function credentialsIn(
  file: string,
  { registry, timeout, signal, host }: Question,
  presence: "must be there" | "may be absent" = "may be absent",
): Promise<RegistryCredentials | undefined> {
  if (presence === "must be there") {
    await host.need(`read the credentials for ${registry}`, [{ name: "read", path: file }]);
  }
  const config = await readConfigFile(file);
  if (config === undefined) {
    if (presence === "may be absent") return undefined;
    throw new SlipwayError("FAILED_PRECONDITION", `Cannot read the credentials for ${registry}: ${file} is not there`);
  }
  const name = helperFor(config, registry);
  if (name !== undefined) {
    const command = `docker-credential-${name}`;
    await host.need(`get the credentials for ${registry}`, [{ name: "run", command }]);
    // As `docker login` calls the registry now, and as an older login may have.
    for (const server of new Set([helperKey(registry), ...keysOf(config.auths, registry)])) {
      const found = await askHelper({ name, server, file, run: host.run, timeout, signal });
      if (found !== undefined) return found;
    }
  }
  return storedCredentials(config, registry);
}
