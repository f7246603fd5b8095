import { SlipwayError } from "../index.ts";

/**
 * The fields of one line of comma-separated values, as buildx reads its options: a field that begins with `"` goes to the
 * closing `"`, `""` inside stands for one; elsewhere a quote is an error.
 * @throws SlipwayError `INVALID_OPTION`
 */
export function splitCsv(line: string, option: string): readonly string[] {
  const bad = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_OPTION", `Cannot use ${option} ${JSON.stringify(line)}: ${reason}`);
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    if (rest.startsWith('"')) {
      const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
      if (quoted === null) throw bad('a field begins with " and does not end with one');
      fields.push((quoted[1] ?? "").replaceAll('""', '"'));
      rest = rest.slice(quoted[0].length);
      if (rest === "") return fields;
      if (!rest.startsWith(",")) throw bad('a comma must follow the closing "');
    } else {
      const field = /^[^,]*/.exec(rest)?.[0] ?? "";
      if (field.includes('"')) {
        throw bad('a " may only begin a field: quote the whole of key=value, and write "" for a quote inside');
      }
      fields.push(field);
      rest = rest.slice(field.length);
      if (rest === "") return fields;
    }
    rest = rest.slice(1);
  }
}
