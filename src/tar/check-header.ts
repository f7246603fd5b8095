import { SlipwayError } from "../errors.ts";
import type { TarHeader } from "./entry.ts";
import { isFieldRecord, SCHILY_XATTR } from "./pax.ts";

const types: ReadonlySet<string> = new Set(["file", "link", "symlink", "char", "block", "directory", "fifo"]);

/**
 * Refuses a header that a tar cannot say.
 * @throws SlipwayError `INVALID_PATH` for a name, `INVALID_ARGUMENT` for another field; both name the entry
 */
export function checkHeader(header: TarHeader): void {
  const { name, type } = header;
  if (!types.has(type)) throw invalid(header, `the type ${JSON.stringify(type)} is unknown`);
  if (name === "") throw new SlipwayError("INVALID_PATH", "Cannot write a tar entry: its name is empty");
  if (name.endsWith("/") && type !== "directory") {
    throw new SlipwayError(
      "INVALID_PATH",
      `Cannot write ${JSON.stringify(name)} to the tar: only directories end in /`,
    );
  }
  checkText(header, "name", name);
  const isLink = type === "link" || type === "symlink";
  if (header.linkName !== undefined) checkText(header, "link name", header.linkName);
  if (isLink !== (header.linkName !== undefined && header.linkName !== "")) {
    throw invalid(header, isLink ? "a link needs a link name" : "only links have a link name");
  }
  if (header.userName !== undefined) checkText(header, "user name", header.userName);
  if (header.groupName !== undefined) checkText(header, "group name", header.groupName);
  checkNumber(header, "mode", header.mode, 0, 0o7777);
  checkNumber(header, "uid", header.uid, Number.MIN_SAFE_INTEGER);
  checkNumber(header, "gid", header.gid, Number.MIN_SAFE_INTEGER);
  checkNumber(header, "size", header.size, 0, type === "file" ? Number.MAX_SAFE_INTEGER : 0);
  checkNumber(header, "mtime", header.mtime, Number.MIN_SAFE_INTEGER);
  checkNumber(header, "mtimeNanoseconds", header.mtimeNanoseconds ?? 0, 0, 999_999_999);
  // A hard link to a device carries the device's numbers, as containerd writes it.
  const mostOfDevice = type === "char" || type === "block" || type === "link" ? Number.MAX_SAFE_INTEGER : 0;
  checkNumber(header, "deviceMajor", header.deviceMajor ?? 0, 0, mostOfDevice);
  checkNumber(header, "deviceMinor", header.deviceMinor ?? 0, 0, mostOfDevice);
  if (header.xattrs !== undefined) {
    for (const attribute of header.xattrs.keys()) checkKeyword(header, "extended attribute", attribute);
  }
  if (header.pax !== undefined) {
    for (const keyword of header.pax.keys()) {
      checkKeyword(header, "PAX record", keyword);
      if (!isFieldRecord(keyword)) continue;
      const instead = keyword.startsWith(SCHILY_XATTR) ? "xattrs" : "the header's own field";
      throw invalid(header, `the PAX record ${JSON.stringify(keyword)} is not for pax: use ${instead}`);
    }
  }
}

/** An `INVALID_ARGUMENT` error that names the entry. */
export function invalid({ name }: TarHeader, reason: string): SlipwayError {
  return new SlipwayError("INVALID_ARGUMENT", `Cannot write ${JSON.stringify(name)} to the tar: ${reason}`);
}

function checkText({ name }: TarHeader, field: string, text: string): void {
  if (!text.includes("\0")) return;
  throw new SlipwayError(
    "INVALID_PATH",
    `Cannot write ${JSON.stringify(name)} to the tar: its ${field} has a NUL character`,
  );
}

function checkNumber(header: TarHeader, field: string, value: number, least: number, most?: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= (most ?? Number.MAX_SAFE_INTEGER)) return;
  const range = most === undefined ? "a safe integer" : `a whole number from ${least} to ${most} for a ${header.type}`;
  throw invalid(header, `its ${field} is ${value}, not ${range}`);
}

function checkKeyword(header: TarHeader, what: string, keyword: string): void {
  if (keyword !== "" && !keyword.includes("=") && !keyword.includes("\0")) return;
  throw invalid(header, `the name of its ${what} ${JSON.stringify(keyword)} is empty or has a = or NUL in it`);
}
