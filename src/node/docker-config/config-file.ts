import { isSlipwayError, SlipwayError } from "../../errors.ts";
import type { RegistryCredentials } from "../../registry/credentials.ts";
import { readDocument } from "../read-document.ts";
import { registryOfKey, sameRegistry } from "./registry-keys.ts";

/** Docker's `config.json`, or podman's `auth.json`, which has the same form: the parts that are about credentials. */
export interface DockerConfigFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credHelpers: Readonly<Record<string, unknown>>;
  readonly credsStore: unknown;
}

/** What a name of a helper may be: it becomes part of a program's name. */
const HELPER_NAME = /^[A-Za-z0-9_-]+$/;

/**
 * Reads a config file.
 * @returns undefined if it is not there
 * @throws SlipwayError `INVALID_DOCUMENT` naming the file, `PERMISSION_DENIED`, `UNSUPPORTED`, `IO`
 */
export async function readConfigFile(path: string): Promise<DockerConfigFile | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readDocument(path);
  } catch (error) {
    // A file where the directory should be has no config file in it either.
    if (isSlipwayError(error, "NOT_FOUND") || isSlipwayError(error, "NOT_A_DIRECTORY")) return undefined;
    throw error;
  }
  const config = objectOf(parse(path, bytes), path, "it");
  return {
    path,
    auths: objectOf(config.auths ?? {}, path, "auths"),
    credHelpers: objectOf(config.credHelpers ?? {}, path, "credHelpers"),
    credsStore: config.credsStore,
  };
}

function parse(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Without a cause: an engine's message shows some of the text, and the text has passwords.
    throw bad(path, "it is not valid JSON");
  }
}

function objectOf(value: unknown, path: string, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw bad(path, `${what} is not an object`);
}

const bad = (path: string, reason: string): SlipwayError =>
  new SlipwayError("INVALID_DOCUMENT", `Cannot use the Docker config ${path}: ${reason}`);

/**
 * The name of the helper that has a registry's credentials; undefined if they are in the file itself. An empty name in
 * `credHelpers` takes a registry out of `credsStore`, as in Docker.
 * @throws SlipwayError `INVALID_DOCUMENT`
 */
export function helperFor({ path, credHelpers, credsStore }: DockerConfigFile, registry: string): string | undefined {
  const own = keysOf(credHelpers, registry)[0];
  const [name, what] =
    own === undefined ? [credsStore, "credsStore"] : [credHelpers[own], `credHelpers of ${JSON.stringify(own)}`];
  if (name === undefined || name === null || name === "") return undefined;
  if (typeof name === "string" && HELPER_NAME.test(name)) return name;
  throw bad(path, `${what} is not the name of a credential helper (letters, digits, - and _)`);
}

/** In which spellings a registry stands in a part of the file. */
export function keysOf(part: Readonly<Record<string, unknown>>, registry: string): readonly string[] {
  const found = Object.keys(part).filter((key) => sameRegistry(registryOfKey(key), registry));
  // The spelling of references first, then the order of the file.
  return found.sort((a, b) => Number(b === registry) - Number(a === registry));
}

/**
 * What `auths` has for a registry.
 * @throws SlipwayError `INVALID_DOCUMENT` naming file and entry, never what it holds
 */
export function storedCredentials(
  { path, auths }: DockerConfigFile,
  registry: string,
): RegistryCredentials | undefined {
  for (const key of keysOf(auths, registry)) {
    const what = `auths of ${JSON.stringify(key)}`;
    const entry = objectOf(auths[key], path, what);
    const text = (field: string): string => {
      const value = entry[field] ?? "";
      if (typeof value !== "string") throw bad(path, `${field} in ${what} is not a string`);
      return value;
    };
    const [registryToken, identityToken, auth] = [text("registrytoken"), text("identitytoken"), text("auth")];
    if (registryToken !== "") return { registryToken };
    if (identityToken !== "") return { identityToken };
    if (auth !== "") return decodeAuth(auth, path, what);
    const [username, password] = [text("username"), text("password")];
    // What `docker login` leaves where a helper keeps the password is an empty entry.
    if (username !== "" || password !== "") return { username, password };
  }
  return undefined;
}

/** `auth` is the base64 of `USER:PASSWORD`; a password may have colons, a user name has none. */
function decodeAuth(auth: string, path: string, what: string): RegistryCredentials {
  if (/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(auth)) {
    const text = new TextDecoder().decode(Uint8Array.from(atob(auth), (character) => character.charCodeAt(0)));
    const colon = text.indexOf(":");
    // Docker once filled passwords up with zeros.
    if (colon >= 0) return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
  }
  throw bad(path, `auth in ${what} is not the base64 of USER:PASSWORD`);
}
