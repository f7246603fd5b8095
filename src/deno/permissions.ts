import { SlipwayError } from "../errors.ts";
import { isGranted, type Permission } from "../node/permission.ts";

/** The part of `Deno` that asks whoever sits at the terminal, if anybody does. */
export interface DenoRequests {
  readonly permissions: { request(permission: Permission): Promise<{ readonly state: string }> };
}

/**
 * Sees to it that everything that is needed is granted before the work begins: one question for a whole directory instead of one
 * for each file, and where nobody can be asked an error that says how to start Deno.
 * @param doing what could not be done without, for the message "Cannot DOING: …"
 * @throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing
 */
export async function needPermissions(doing: string, needed: readonly Permission[]): Promise<void> {
  const { Deno } = globalThis as { readonly Deno?: DenoRequests | undefined };
  if (Deno === undefined) return;
  const missing: Permission[] = [];
  for (const permission of needed) {
    if (isGranted(permission)) continue;
    if ((await Deno.permissions.request(permission)).state !== "granted") missing.push(permission);
  }
  if (missing.length === 0) return;
  const flags = missing.map(flagOf).join(" ");
  throw new SlipwayError("PERMISSION_DENIED", `Cannot ${doing}: Deno was not given permission; run it with ${flags}`);
}

/** The option of `deno run` that grants it, as a shell takes it. */
function flagOf(permission: Permission): string {
  const value = narrowed(permission);
  const flag = `--allow-${permission.name}${value === undefined ? "" : `=${value.replaceAll(",", ",,")}`}`;
  return /^[\w@%+=:,./-]+$/.test(flag) ? flag : `'${flag.replaceAll("'", "'\\''")}'`;
}

function narrowed(permission: Permission): string | undefined {
  switch (permission.name) {
    case "read":
    case "write":
      return permission.path;
    case "run":
      return permission.command;
    case "env":
      return permission.variable;
    case "sys":
      return permission.kind;
  }
}
