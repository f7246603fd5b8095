import { formatBytes, padLeft, printable, shortDigest, truncate } from "./format.ts";
import type { ImageReport, ManifestReport } from "./image-report.ts";
import type { Style } from "./style.ts";

/** The report for people, `width` cells wide where a line may be cut: history alone. */
export function imageTable(report: ImageReport, style: Style, width: number): string {
  const lines: string[] = [];
  const row = (label: string, text: string): void => void lines.push(`${style.dim(label.padEnd(9))} ${text}`);
  for (const name of report.names) row("image", style.bold(printable(name)));
  for (const tag of report.tags) row("tag", style.bold(printable(tag)));
  row("digest", report.digest);
  row("type", report.mediaType);
  for (const [key, value] of Object.entries(report.annotations ?? {})) row("annotated", printable(`${key}=${value}`));
  for (const manifest of report.manifests) {
    lines.push("");
    manifestRows(manifest, report, style, row);
    historyRows(manifest, style, width, lines);
  }
  return `${lines.join("\n")}\n`;
}

function manifestRows(
  manifest: ManifestReport,
  report: ImageReport,
  style: Style,
  row: (label: string, text: string) => void,
): void {
  const { image, layers } = manifest;
  row("platform", style.bold(manifest.platform ?? "none: not an image"));
  if (manifest.digest !== report.digest) row("manifest", manifest.digest);
  row("config", manifest.config.digest);
  if (image?.created !== undefined) row("created", printable(image.created));
  if (image?.author) row("author", printable(image.author));
  for (const [key, value] of Object.entries(manifest.annotations ?? {})) row("annotated", printable(`${key}=${value}`));
  for (const [label, text] of configRows(image?.config ?? {})) row(label, printable(text));
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  row("layers", `${layers.length}, ${formatBytes(total)}`);
  for (const [index, { digest, size, diffID, mediaType }] of layers.entries()) {
    const kind = /[.+](gzip|zstd)$/.exec(mediaType)?.[1] ?? "plain";
    const uncompressed = diffID === undefined ? "" : `  ${style.dim(`diffID ${shortDigest(diffID)}`)}`;
    row(
      padLeft(String(index + 1), 9),
      `${shortDigest(digest)} ${padLeft(formatBytes(size), 8)}  ${kind.padEnd(5)}${uncompressed}`,
    );
  }
}

/** How a container is started, in the order in which one asks. */
function configRows(config: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  const rows: [string, string][] = [];
  const list = (label: string, value: unknown): void => {
    if (Array.isArray(value) && value.length > 0) rows.push([label, JSON.stringify(value)]);
  };
  const text = (label: string, value: unknown): void => {
    if (typeof value === "string" && value !== "") rows.push([label, value]);
  };
  const each = (label: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const entries = Array.isArray(value)
      ? value.map(String)
      : Object.entries(value).map(([key, of]) => (typeof of === "string" ? `${key}=${of}` : key));
    for (const entry of entries) rows.push([label, entry]);
  };
  list("entry", config.Entrypoint);
  list("cmd", config.Cmd);
  text("user", config.User);
  text("workdir", config.WorkingDir);
  each("env", config.Env);
  each("expose", config.ExposedPorts);
  each("volume", config.Volumes);
  text("stop", config.StopSignal);
  if (typeof config.Healthcheck === "object") rows.push(["health", JSON.stringify(config.Healthcheck)]);
  each("label", config.Labels);
  return rows;
}

function historyRows({ image }: ManifestReport, style: Style, width: number, lines: string[]): void {
  for (const [index, step] of (image?.history ?? []).entries()) {
    const said = [step.created_by, step.comment].filter(Boolean).join("  # ");
    const text = printable(`${step.created === undefined ? "" : `${step.created}  `}${said.replace(/\s+/g, " ")}`);
    const note = step.empty_layer === true ? "  (no layer)" : "";
    const label = index === 0 ? "history" : "";
    lines.push(
      `${style.dim(label.padEnd(9))} ${truncate(text, Math.max(20, width - 11 - note.length))}${style.dim(note)}`,
    );
  }
}
