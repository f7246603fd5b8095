import { mkdir, rmdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { SlipwayError } from "../index.ts";
import { errnoOf, hostError } from "../node/index.ts";

/** Where images are kept unless somebody says otherwise: `$SLIPWAY_STORE`, or `slipway` in the user's data directory. */
export function defaultStore(env: Readonly<Record<string, string | undefined>>): string {
  if (env.SLIPWAY_STORE) return env.SLIPWAY_STORE;
  const data = env.XDG_DATA_HOME || join(env.HOME || homedir(), ".local", "share");
  return join(data, "slipway");
}

/**
 * Makes the directories that lead to a path.
 * @returns what removes those again that were made here and are empty
 * @throws SlipwayError `PERMISSION_DENIED`, `NOT_A_DIRECTORY`, `NO_SPACE`, `IO`
 */
export async function makeParents(path: string): Promise<() => Promise<void>> {
  const parent = dirname(resolve(path));
  // Not even a lax umask lets everybody exchange what is written there.
  const first = await mkdir(parent, { recursive: true, mode: 0o775 }).catch((error: unknown) => {
    if (errnoOf(error) === "EEXIST") {
      throw new SlipwayError("NOT_A_DIRECTORY", `Cannot make the directory ${parent}: something else is in its place`);
    }
    throw hostError(error, `make the directory ${parent}`);
  });
  return async () => {
    if (first === undefined) return;
    for (let directory = parent; directory.length >= first.length; directory = dirname(directory)) {
      try {
        await rmdir(directory);
      } catch {
        // Somebody else's files are in it by now.
        return;
      }
    }
  };
}

/** Whether something is there. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
