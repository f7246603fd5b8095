import type { EngineReport } from "./compare.ts";
import type { Facts } from "./export.ts";

interface Column {
  readonly title: string;
  /** Characters. */
  readonly width: number;
  readonly value: (report: EngineReport) => string;
}

/** Hexadecimal digits that tell digests apart at a glance. */
const SHORT = 7;

const digests = (title: string, count: number, names: RegExp): Column => ({
  title,
  width: count * (SHORT + 1) - 1,
  value: ({ facts }) => valuesOf(facts, names).join(" "),
});

const COLUMNS: readonly Column[] = [
  { title: "engine", width: 26, value: ({ engine }) => engine },
  { title: "version", width: 14, value: ({ version }) => version },
  { title: "store", width: 9, value: ({ store }) => store },
  digests("diffIDs", 4, / diffID /),
  digests("layers", 4, / layer /),
  digests("manifests, index", 3, / manifest$|^index$/),
  digests("archive", 1, /^archive$/),
  { title: "seconds", width: 7, value: ({ seconds }) => seconds.toFixed(1).padStart(7) },
];

/** The line above the first report. */
export const heading: string = line((column) => column.title);

/** A report on one line; equal layers of the two platforms are shown once. */
export const row = (report: EngineReport): string => line((column) => column.value(report));

/** Everything that a report says, on a line each. */
export function details({ engine, version, store, facts, seconds }: EngineReport): string {
  const lines = Object.entries(facts).map(([name, value]) => `  ${name.padEnd(22)} ${value.replaceAll("\n", "; ")}`);
  return [`${engine} ${version}, ${store}, ${seconds.toFixed(1)} s`, ...lines].join("\n");
}

function line(text: (column: Column) => string): string {
  return COLUMNS.map((column) => text(column).padEnd(column.width))
    .join("  ")
    .trimEnd();
}

function valuesOf(facts: Facts, names: RegExp): readonly string[] {
  const values = Object.entries(facts).flatMap(([name, value]) => (names.test(name) ? [value] : []));
  return [...new Set(values)].map((digest) => digest.replace("sha256:", "").slice(0, SHORT));
}
