import { homedir } from "node:os";
import { join } from "node:path";
import { isGranted, type Permission } from "../permission.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What tells where Docker's config file is. */
export const CONFIG_VARIABLES: readonly Permission[] = ["DOCKER_CONFIG", "HOME"].map((variable) => ({
  name: "env",
  variable,
}));

/** `$DOCKER_CONFIG/config.json`, or `.docker/config.json` in the user's home. */
export function dockerConfigFile(env: Environment): string {
  return join(env.DOCKER_CONFIG || join(env.HOME || homedir(), ".docker"), "config.json");
}

/**
 * Where podman keeps its own: `$REGISTRY_AUTH_FILE`, or `containers/auth.json` among the user's files for this session. It only
 * helps: nobody is asked for leave to look there.
 */
export function podmanAuthFile(env: Environment): string | undefined {
  const variable = (name: string): string => (isGranted({ name: "env", variable: name }) ? env[name] : undefined) ?? "";
  const named = variable("REGISTRY_AUTH_FILE");
  const session = variable("XDG_RUNTIME_DIR");
  const file = named || (session && join(session, "containers", "auth.json"));
  return file !== "" && isGranted({ name: "read", path: file }) ? file : undefined;
}
