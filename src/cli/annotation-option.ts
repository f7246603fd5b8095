import { SlipwayError } from "../index.ts";

const TYPES = ["manifest", "index", "manifest-descriptor", "index-descriptor"];

/**
 * What buildx' `--annotation` means as exporter keys: `K=V` goes to the manifest, `index:K=V` and
 * `manifest[linux/amd64],index:K=V` say where else.
 * @throws SlipwayError `INVALID_OPTION`
 */
export function annotationKeys(annotations: readonly string[]): Readonly<Record<string, string>> {
  const keys: Record<string, string> = {};
  for (const annotation of annotations) {
    const bad = (reason: string): SlipwayError =>
      new SlipwayError("INVALID_OPTION", `Cannot use --annotation ${JSON.stringify(annotation)}: ${reason}`);
    const equals = annotation.indexOf("=");
    if (equals < 1) throw bad("it is not KEY=VALUE");
    const before = annotation.slice(0, equals);
    const value = annotation.slice(equals + 1);
    const colon = before.indexOf(":");
    const key = before.slice(colon + 1);
    if (key === "") throw bad("the key is empty");
    if (colon < 0) {
      keys[`annotation.${key}`] = value;
      continue;
    }
    for (const target of before.slice(0, colon).split(",")) {
      const [, type, platform] = /^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$/.exec(target.trim()) ?? [];
      if (type === undefined || !TYPES.includes(type)) {
        throw bad(`${JSON.stringify(target)} is none of ${TYPES.join(", ")}, with or without a [platform]`);
      }
      if (platform !== undefined && type.startsWith("index")) throw bad("an index has no platform");
      keys[`annotation-${type}${platform === undefined ? "" : `[${platform}]`}.${key}`] = value;
    }
  }
  return keys;
}
