/** What Deno grants or not, in its own words. */
export type Permission =
  | { readonly name: "read" | "write"; readonly path: string }
  | { readonly name: "run"; readonly command?: string | undefined }
  | { readonly name: "env"; readonly variable?: string | undefined }
  | { readonly name: "sys"; readonly kind: "hostname" | "statfs" | "uid" | "gid" };

/** The part of `Deno` that answers without asking anybody. */
interface DenoPermissions {
  readonly permissions?: { querySync?(permission: Permission): { readonly state: string } } | undefined;
}

/**
 * Whether the runtime grants this already. Deno asks whoever sits at the terminal about each thing that it was not granted: for
 * what is only a help and can be gone without, nobody is to be asked. Node and Bun ask nobody: there it counts as granted, and
 * the attempt tells.
 */
export function isGranted(permission: Permission): boolean {
  const { Deno } = globalThis as { readonly Deno?: DenoPermissions | undefined };
  try {
    return (Deno?.permissions?.querySync?.(permission).state ?? "granted") === "granted";
  } catch {
    return false;
  }
}
