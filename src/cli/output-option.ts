import { SlipwayError } from "../index.ts";
import { splitCsv } from "./csv.ts";

/** What `-o type=` may say. */
export const OUTPUT_TYPES = ["oci", "docker", "image", "registry", "tar", "local"] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** What a build makes. */
export interface Output {
  readonly type: OutputType;
  /** File or directory, or `-` for stdout. Absent for `image` and `registry`. */
  readonly dest: string | undefined;
  /** `tar=false`: `dest` is an image layout directory. */
  readonly directory: boolean;
  /** What is left is for the exporter, in BuildKit's spelling. */
  readonly exporterOptions: Readonly<Record<string, string>>;
}

/**
 * Reads `-o` as buildx does: `key=value` fields in one CSV line; a lone path is `type=local,dest=PATH`, and a lone `-` is
 * `type=tar,dest=-`.
 * @throws SlipwayError `INVALID_OPTION`
 */
export function parseOutput(text: string): Output {
  const bad = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_OPTION", `Cannot use --output ${JSON.stringify(text)}: ${reason}`);
  const fields = splitCsv(text, "--output");
  const [only = ""] = fields;
  if (fields.length === 1 && !only.includes("=")) {
    if (only === "") throw bad("it is empty");
    return only === "-"
      ? { type: "tar", dest: "-", directory: false, exporterOptions: {} }
      : { type: "local", dest: only, directory: false, exporterOptions: {} };
  }
  const values = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    if (equals < 0) throw bad(`${JSON.stringify(field)} is not key=value`);
    const key = field.slice(0, equals).trim();
    // As buildx: keys are words in any case, but what follows `annotation` is the caller's own.
    const name = /^annotation/i.test(key) ? key : key.toLowerCase();
    if (name === "") throw bad(`${JSON.stringify(field)} has no key`);
    if (values.has(name)) throw bad(`it says ${name} twice`);
    values.set(name, field.slice(equals + 1));
  }
  const take = (key: string): string | undefined => {
    const value = values.get(key);
    values.delete(key);
    return value;
  };
  const type = outputType(take("type"), values, bad);
  const dest = destination(type, take("dest"), bad);
  const tar = take("tar");
  if (tar !== undefined && type !== "oci") throw bad("tar= is for type=oci");
  const directory = tar !== undefined && !booleanOf("tar", tar, bad);
  if (directory && dest === "-") throw bad("a directory cannot go to stdout: name it with dest=DIR");
  return { type, dest, directory, exporterOptions: Object.fromEntries(values) };
}

function outputType(
  type: string | undefined,
  values: Map<string, string>,
  bad: (reason: string) => SlipwayError,
): OutputType {
  if (type === undefined) throw bad(`type= is missing; known are ${OUTPUT_TYPES.join(", ")}`);
  const known = OUTPUT_TYPES.find((name) => name === type);
  if (known === undefined) throw bad(`there is no type ${JSON.stringify(type)}; known are ${OUTPUT_TYPES.join(", ")}`);
  pushes(known, values, bad);
  return known;
}

/** `type=registry` is `type=image,push=true`, with the image in no store. */
function pushes(type: OutputType, values: Map<string, string>, bad: (reason: string) => SlipwayError): void {
  const push = values.get("push");
  const pushed = push !== undefined && booleanOf("push", push || "true", bad);
  if (type === "registry") {
    if (push !== undefined && !pushed) throw bad("type=registry pushes; for the store alone it is type=image");
    values.set("push", "true");
  } else if (pushed && type !== "image") {
    throw bad(`type=${type} is not pushed; write type=image,push=true or type=registry`);
  } else if (!pushed) {
    values.delete("push");
  }
}

function destination(
  type: OutputType,
  dest: string | undefined,
  bad: (reason: string) => SlipwayError,
): string | undefined {
  if (type === "image" || type === "registry") {
    if (dest === undefined) return undefined;
    throw bad(
      type === "image"
        ? "type=image goes to the store and takes no dest; name the store with --store DIR"
        : "type=registry takes no dest; name the image with --tag HOST/NAME:TAG",
    );
  }
  if (dest === undefined || dest === "")
    throw bad(`dest= is missing; say where, for example -o type=${type},dest=${type === "local" ? "out" : "out.tar"}`);
  if (type === "local" && dest === "-") throw bad("type=local writes a directory, which cannot go to stdout");
  return dest;
}

function booleanOf(key: string, value: string, bad: (reason: string) => SlipwayError): boolean {
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw bad(`${key} is ${JSON.stringify(value)}; it must be true or false`);
}
