import { SlipwayError } from "../errors.ts";
import { compareNames, encodeName } from "../tar/names.ts";
import type { AttributeOptions } from "./snapshotter.ts";
import type { NodeAttributes } from "./tree.ts";

/** What a new node has unless something else is asked for. */
export const DEFAULT_ATTRIBUTES: Readonly<Record<"file" | "directory" | "symlink", NodeAttributes>> = {
  file: { mode: 0o644, uid: 0, gid: 0, mtime: 0 },
  directory: { mode: 0o755, uid: 0, gid: 0, mtime: 0 },
  symlink: { mode: 0o777, uid: 0, gid: 0, mtime: 0 },
};

const XATTR_NAME_LIMIT = 255;
const encoder = new TextEncoder();

/**
 * The attributes with those changed that the options give. Given xattrs replace all that were there.
 * @param doing begins the message, for example `Cannot write /a/b`
 * @throws SlipwayError `INVALID_ARGUMENT` for a value out of range
 */
export function changeAttributes(
  current: NodeAttributes,
  options: AttributeOptions | undefined,
  doing: string,
): NodeAttributes {
  if (options === undefined) return attributesOf(current);
  const mode = options.mode ?? current.mode;
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the mode ${shown(mode)} is not within 0 to 07777 (octal)`);
  }
  const uid = checkOwner(options.uid ?? current.uid, "uid", doing);
  const gid = checkOwner(options.gid ?? current.gid, "gid", doing);
  const mtime = options.mtime ?? current.mtime;
  if (!Number.isSafeInteger(mtime)) {
    throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the mtime ${shown(mtime)} is not a whole number of seconds`);
  }
  const xattrs = options.xattrs === undefined ? current.xattrs : xattrMap(options.xattrs, doing);
  return attributes(mode, uid, gid, mtime, xattrs);
}

/** The attributes alone, without what the node has besides. */
export function attributesOf(node: NodeAttributes): NodeAttributes {
  return attributes(node.mode, node.uid, node.gid, node.mtime, node.xattrs);
}

/** Whether both have the same attributes. */
export function sameAttributes(a: NodeAttributes, b: NodeAttributes): boolean {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.mtime !== b.mtime) return false;
  if (a.xattrs === b.xattrs) return true;
  if (a.xattrs === undefined || b.xattrs === undefined || a.xattrs.size !== b.xattrs.size) return false;
  for (const [name, value] of a.xattrs) {
    const other = b.xattrs.get(name);
    if (other === undefined || other.byteLength !== value.byteLength) return false;
    if (!value.every((byte, i) => byte === other[i])) return false;
  }
  return true;
}

/** The xattrs with one of them set, or removed if `value` is undefined. */
export function changeXattr(
  current: ReadonlyMap<string, Uint8Array> | undefined,
  name: string,
  value: Uint8Array | string | undefined,
  doing: string,
): ReadonlyMap<string, Uint8Array> {
  const changed = new Map<string, Uint8Array | string>(current);
  checkXattrName(name, doing);
  if (value === undefined) changed.delete(name);
  else changed.set(name, value);
  return xattrMap(changed, doing);
}

function attributes(
  mode: number,
  uid: number,
  gid: number,
  mtime: number,
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
): NodeAttributes {
  return xattrs === undefined || xattrs.size === 0 ? { mode, uid, gid, mtime } : { mode, uid, gid, mtime, xattrs };
}

function checkOwner(id: number, what: string, doing: string): number {
  if (Number.isSafeInteger(id) && id >= 0) return id;
  throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the ${what} ${shown(id)} is not a whole number from 0 on`);
}

function xattrMap(
  given: ReadonlyMap<string, Uint8Array | string> | Readonly<Record<string, Uint8Array | string>>,
  doing: string,
): ReadonlyMap<string, Uint8Array> {
  const pairs = given instanceof Map ? [...given] : Object.entries(given);
  pairs.sort(([a], [b]) => compareNames(a, b));
  const xattrs = new Map<string, Uint8Array>();
  for (const [name, value] of pairs) {
    checkXattrName(name, doing);
    if (typeof value !== "string" && !(value instanceof Uint8Array)) {
      throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the xattr ${name} is neither a string nor bytes`);
    }
    xattrs.set(name, typeof value === "string" ? encoder.encode(value) : value.slice());
  }
  return xattrs;
}

function checkXattrName(name: string, doing: string): void {
  const valid =
    typeof name === "string" && name !== "" && !name.includes("\0") && encodeName(name).byteLength <= XATTR_NAME_LIMIT;
  if (valid) return;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `${doing}: ${JSON.stringify(name)} is no xattr name (1 to ${XATTR_NAME_LIMIT} bytes without NUL)`,
  );
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}
