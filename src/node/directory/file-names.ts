import { Buffer } from "node:buffer";

/** All but the characters that stand for themselves in file names: the same on filesystems that know upper and lower case and on others. */
const SPECIAL = /[^a-z0-9_-]/g;

/** Filesystems take 255 bytes a name. */
const PIECE = 200;

/**
 * A key as a relative path in which no character means anything to any filesystem: all but lower-case letters, digits, `_` and
 * `-` as `%xx`. Long ones go on in a directory whose name ends in `+`.
 */
export function fileNameOf(key: string): readonly string[] {
  const bytes = Buffer.from(key, "utf8").toString("latin1");
  const encoded = bytes.replace(SPECIAL, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const pieces: string[] = [];
  for (let at = 0; at < encoded.length; at += PIECE) pieces.push(encoded.slice(at, at + PIECE));
  return pieces.map((piece, i) => (i === pieces.length - 1 ? piece : `${piece}+`));
}

/** The key of such a path, or undefined if it is none: a file that somebody else put there. */
export function keyOf(pieces: readonly string[]): string | undefined {
  const encoded = pieces.map((piece, i) => (i === pieces.length - 1 ? piece : piece.replace(/\+$/, ""))).join("");
  if (!/^(?:[a-z0-9_-]|%[0-9a-f]{2})+$/.test(encoded)) return undefined;
  const bytes = encoded.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const key = Buffer.from(bytes, "latin1").toString("utf8");
  return fileNameOf(key).join("/") === pieces.join("/") ? key : undefined;
}
