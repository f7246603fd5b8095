import { compareBytes, concatBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { encodeName } from "./names.ts";

/** Records whose values are C strings elsewhere and therefore cannot hold a NUL. */
const STRINGS: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname"]);

/**
 * The body of a PAX extended header: `LENGTH KEY=VALUE\n` for each record, keys in bytewise order. The length counts itself.
 * @throws SlipwayError `INVALID_ARGUMENT` for a key that is empty or has `=` or NUL, or a name with NUL
 */
export function encodePaxRecords(records: ReadonlyMap<string, Uint8Array>, entry: string): Uint8Array {
  const sorted = [...records].map(([key, value]) => ({ key, name: encodeName(key), value }));
  sorted.sort((a, b) => compareBytes(a.name, b.name));
  const parts: Uint8Array[] = [];
  for (const { key, name, value } of sorted) {
    if (key === "" || key.includes("=") || key.includes("\0") || (STRINGS.has(key) && value.includes(0))) {
      throw new SlipwayError(
        "INVALID_ARGUMENT",
        `Cannot write ${entry} to a tar: PAX record ${JSON.stringify(key)} has an empty key, or one with = or NUL, or a name with NUL`,
      );
    }
    const body = name.length + value.length + 3;
    let length = body + String(body).length;
    if (String(length).length !== String(body).length) length = body + String(length).length;
    parts.push(encodeName(`${length} `), name, encodeName("="), value, encodeName("\n"));
  }
  return concatBytes(parts);
}
