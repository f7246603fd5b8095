import { familiarName, formatPlatform, parseReference } from "../oci/index.ts";
import type { BuildPlan } from "./build-plan.ts";
import type { BuildResult } from "./build-run.ts";
import { formatBytes, padLeft, printable, shortDigest } from "./format.ts";
import type { Style } from "./style.ts";

/** What a build made, for people: layers, digest, names, where it is, and what to do with it. */
export function summarise({ image, fileSize }: BuildResult, plan: BuildPlan, style: Style): string {
  const { type, dest, directory } = plan.output;
  // A root filesystem has neither digest nor layers: those were only on the way.
  const lines = type === "tar" || type === "local" ? [] : imageLines(image, plan, style);
  if (dest !== undefined && dest !== "-") {
    const size = fileSize === undefined ? "" : `  ${formatBytes(fileSize)}`;
    lines.push([fileSize === undefined ? "dir" : "file", `${printable(dest)}${size}`]);
  } else if (plan.store !== undefined && !directory) {
    lines.push(["store", printable(plan.store)]);
  }
  const next = nextCommand(plan);
  if (next !== undefined) lines.push(["try", style.bold(printable(next))]);
  return lines.map(([label, text]) => `${style.dim(label.padEnd(8))}${text}\n`).join("");
}

function imageLines(image: BuildResult["image"], plan: BuildPlan, style: Style): [string, string][] {
  const lines: [string, string][] = plan.names.map((name) => ["image", printable(name)]);
  for (const { platform, layers, config } of image.manifests) {
    lines.push(["for", `${formatPlatform(platform)}  ${style.dim(`config ${shortDigest(config.digest)}`)}`]);
    for (const { descriptor, diffID, cached } of layers) {
      const size = padLeft(formatBytes(descriptor.size), 8);
      const note = style.dim(`diffID ${shortDigest(diffID)}${cached ? "  cached" : ""}`);
      lines.push(["layer", `${shortDigest(descriptor.digest)} ${size}  ${note}`]);
    }
    if (layers.length === 0) lines.push(["layer", "none"]);
  }
  lines.push(["digest", image.digest]);
  return lines;
}

/** The command line that shows what was made. */
function nextCommand({ output, names }: BuildPlan): string | undefined {
  const { type, dest, directory } = output;
  const [name] = names;
  if (type === "image") return name === undefined ? undefined : `slipway inspect ${quoted(name)}`;
  if (dest === undefined || dest === "-") return undefined;
  if (directory) {
    return `slipway inspect ${quoted(`oci:${dest}${name === undefined ? "" : `:${shortName(name)}`}`)}`;
  }
  switch (type) {
    case "docker":
      return `docker load -i ${quoted(dest)}`;
    case "oci":
      return `slipway inspect ${quoted(`oci-archive:${dest}`)}`;
    case "tar":
      return `tar -tvf ${quoted(dest)}`;
    default:
      return undefined;
  }
}

/** As a shell takes it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A name without what goes without saying. */
export const shortName = (name: string): string => familiarName(parseReference(name));
