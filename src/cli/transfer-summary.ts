import type { PushedImage } from "../exporter/index.ts";
import type { Digest } from "../oci/index.ts";
import { familiarName, parseReference } from "../oci/index.ts";
import type { TransferredImage } from "../transfer/index.ts";
import { formatBytes, printable } from "./format.ts";
import type { Style } from "./style.ts";

/** A line of a summary: what it is about, and what there is to say. */
export type SummaryLine = readonly [label: string, text: string];

/** Lines under each other, their labels of one width. */
export function summaryText(lines: readonly SummaryLine[], style: Style): string {
  return lines.map(([label, text]) => `${style.dim(label.padEnd(8))}${text}\n`).join("");
}

/** What a push did: name, digest, and what it took. */
export function pushLines({ name, descriptor, blobs, uploadedBytes }: PushedImage): readonly SummaryLine[] {
  const counts = [
    counted(blobs.uploaded, "uploaded"),
    counted(blobs.mounted, "mounted"),
    counted(blobs.existing, "there already"),
  ];
  return [...imageLines([name], descriptor.digest), ["blobs", amounts(counts, uploadedBytes, "sent")]];
}

/** What a copy did. */
export function copyLines({ descriptor, names, blobs, movedBytes }: TransferredImage): readonly SummaryLine[] {
  const counts = [counted(blobs.moved, "copied"), counted(blobs.existing, "there already")];
  return [...imageLines(names, descriptor.digest), ["blobs", amounts(counts, movedBytes, "moved")]];
}

function imageLines(names: readonly string[], digest: Digest): readonly SummaryLine[] {
  return [...names.map((name): SummaryLine => ["image", printable(shown(name))]), ["digest", digest]];
}

/** Image stores take any text for a name. */
function shown(name: string): string {
  try {
    return familiarName(parseReference(name));
  } catch {
    return name;
  }
}

const counted = (count: number, what: string): string => (count === 0 ? "" : `${count} ${what}`);

function amounts(counts: readonly string[], bytes: number, moved: string): string {
  const told = counts.filter((text) => text !== "").join(", ");
  return `${told || "none"}${bytes === 0 ? "" : `  ${formatBytes(bytes)} ${moved}`}`;
}
