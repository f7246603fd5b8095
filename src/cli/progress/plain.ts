import { formatBytes, formatSeconds, printable } from "../format.ts";
import type { Style } from "../style.ts";
import { type DisplayStream, notePlainly, type ProgressDisplay, warnPlainly } from "./display.ts";
import { type StepState, StepTable } from "./steps.ts";

/** Between two lines about the same running step lie so many seconds, or this part of its total. */
const SECONDS_BETWEEN = 5;
const PART_BETWEEN = 0.05;

/**
 * Lines that only ever follow each other, after BuildKit's plain progress: each step has a number, `#1 exporting layers`, its parts
 * and bytes come under the same number, and it ends with `#1 DONE 0.4s`, `#1 CACHED`, `#1 CANCELED` or `#1 ERROR: …`.
 */
export function createPlainDisplay(stream: DisplayStream, style: Style, now: () => number): ProgressDisplay {
  const steps = new StepTable(now);
  const numbers = new Map<string, number>();
  /** When and at how many bytes a running step was last shown. */
  const shown = new Map<string, { readonly time: number; readonly current: number }>();
  let currentRoot: StepState | undefined;

  const rootOf = (step: StepState): StepState => {
    const parent = step.parent === undefined ? undefined : steps.get(step.parent);
    return parent === undefined ? step : rootOf(parent);
  };
  const print = (root: StepState, text: string): unknown => stream.write(`#${numbers.get(root.id)} ${text}\n`);
  const turnTo = (root: StepState): void => {
    if (currentRoot === root) return;
    if (currentRoot !== undefined && currentRoot.ended === undefined) print(currentRoot, "...");
    if (currentRoot !== undefined) stream.write("\n");
    if (!numbers.has(root.id)) numbers.set(root.id, numbers.size + 1);
    print(root, style.bold(printable(root.name)));
    currentRoot = root;
  };
  const isDue = (step: StepState): boolean => {
    const last = shown.get(step.id) ?? { time: step.started, current: 0 };
    const part = step.total ? ((step.current ?? 0) - last.current) / step.total : 0;
    return now() - last.time >= SECONDS_BETWEEN || (part >= PART_BETWEEN && now() - last.time >= 1);
  };

  return {
    onProgress(event) {
      const step = steps.add(event);
      const root = rootOf(step);
      if (step.state === "started") {
        if (step === root) turnTo(root);
        return;
      }
      if (step.state === "running") {
        if (!isDue(step)) return;
        shown.set(step.id, { time: now(), current: step.current ?? 0 });
      }
      if (steps.isEcho(step)) return;
      turnTo(root);
      const time = formatSeconds(steps.seconds(step));
      if (step === root) print(root, endOf(step, time, style) ?? `${bytesOf(step, steps.rate(step))}${time}`);
      else print(root, `${printable(step.name)} ${bytesOf(step, steps.rate(step))}${partEnd(step, time, style)}`);
    },
    warn: (message) => warnPlainly(stream, printable(message), style.yellow),
    note: (message) => notePlainly(stream, printable(message), style.dim),
    end: () => undefined,
  };
}

/** `64.0 MB / 120 MB 38.2 MB/s `, or nothing. */
function bytesOf({ current, total }: StepState, rate: number | undefined): string {
  if (!current && !total) return "";
  const of = total === undefined || total === current ? "" : ` / ${formatBytes(total)}`;
  return `${formatBytes(current ?? 0)}${of} ${rate === undefined ? "" : `${formatBytes(rate)}/s `}`;
}

/** How a root step's last line reads; undefined while it runs. */
function endOf(step: StepState, time: string, style: Style): string | undefined {
  if (step.state === "failed") return isAbort(step.error) ? style.yellow("CANCELED") : style.red(errorLine(step.error));
  if (step.state !== "completed") return undefined;
  return step.cached ? style.cyan("CACHED") : style.green(`DONE ${time}`);
}

function partEnd(step: StepState, time: string, style: Style): string {
  if (step.state === "failed") return isAbort(step.error) ? style.yellow("canceled") : style.red("failed");
  if (step.state !== "completed") return time;
  return step.cached ? style.cyan("cached") : `${time} done`;
}

const errorLine = (error: unknown): string =>
  printable(`ERROR: ${error instanceof Error ? error.message : String(error)}`);

/** Whether a step ended because it was told to. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error.name === "Interruption");
}
