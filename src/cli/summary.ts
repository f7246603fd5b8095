import type { PushedImage } from "../exporter/index.ts";
import { familiarName, formatPlatform, parseReference } from "../oci/index.ts";
import type { BuildPlan } from "./build-plan.ts";
import type { BuildResult } from "./build-run.ts";
import { formatBytes, padLeft, printable, shortDigest } from "./format.ts";
import type { Style } from "./style.ts";
import { pushLines, type SummaryLine, summaryText } from "./transfer-summary.ts";

/** What a build made, for people: layers, digest, names, where it is, and what to do with it. */
export function summarise({ image, fileSize, files }: BuildResult, plan: BuildPlan, style: Style): string {
  const { type, dest, directory } = plan.output;
  // A root filesystem has neither digest nor layers: those were only on the way.
  const lines = type === "tar" || type === "local" ? [] : imageLines(image, plan, style);
  if (files.unread > 0) {
    const unread = files.unread === files.files ? "all" : `${files.unread} of them`;
    lines.push(["files", `${files.files}, ${unread} unchanged and not read`]);
  }
  lines.push(...image.pushed.flatMap(pushSummary));
  if (dest !== undefined && dest !== "-") {
    const size = fileSize === undefined ? "" : `  ${formatBytes(fileSize)}`;
    lines.push([fileSize === undefined ? "dir" : "file", `${printable(dest)}${size}`]);
  } else if (plan.store !== undefined && !directory && type !== "registry") {
    lines.push(["store", printable(plan.store)]);
  }
  const next = nextCommand(plan);
  if (next !== undefined) lines.push(["try", style.bold(printable(next))]);
  return summaryText(lines, style);
}

/** What came to a registry; the digest stands above already. */
function pushSummary(pushed: PushedImage): readonly SummaryLine[] {
  const [blobs] = pushLines(pushed).slice(-1);
  return [["pushed", printable(shortName(pushed.name))], ...(blobs === undefined ? [] : [blobs])];
}

function imageLines(image: BuildResult["image"], plan: BuildPlan, style: Style): SummaryLine[] {
  const lines: SummaryLine[] = plan.names.map((name) => ["image", printable(name)]);
  for (const { platform, layers, config } of image.manifests) {
    lines.push(["for", `${formatPlatform(platform)}  ${style.dim(`config ${shortDigest(config.digest)}`)}`]);
    for (const { descriptor, diffID, cached, remote } of layers) {
      const size = padLeft(formatBytes(descriptor.size), 8);
      const note = style.dim(
        `diffID ${shortDigest(diffID)}${remote === true ? "  not read" : cached ? "  cached" : ""}`,
      );
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
  if (type === "registry") return name === undefined ? undefined : `docker pull ${quoted(name)}`;
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
