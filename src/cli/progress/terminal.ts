import { createLogUpdate } from "log-update";
import {
  displayWidth,
  formatBytes,
  formatSeconds,
  pad,
  padLeft,
  printable,
  shortenDigests,
  truncate,
} from "../format.ts";
import type { Style } from "../style.ts";
import { type DisplayStream, notePlainly, type ProgressDisplay, warnPlainly } from "./display.ts";
import { isAbort } from "./plain.ts";
import { type StepState, StepTable } from "./steps.ts";

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;

/** Seconds between two pictures: fast enough to move, slow enough to cost nothing. */
const PERIOD = 0.1;

/** One line per step, redrawn in place; what is there at the end stays. */
export function createTerminalDisplay(
  stream: DisplayStream,
  style: Style,
  title: string,
  now: () => number,
): ProgressDisplay {
  const steps = new StepTable(now);
  const start = now();
  let last = Number.NEGATIVE_INFINITY;
  let ended = false;
  const update = createLogUpdate(stream as NodeJS.WritableStream);
  const picture = (rows: number): string => {
    const picture = {
      style,
      width: Math.max(20, (stream.columns ?? 80) - 1),
      tick: Math.floor((now() - start) / PERIOD),
    };
    return drawSteps(steps, `${title} ${formatSeconds(now() - start)}`, rows, picture);
  };
  const draw = (): void => {
    if (ended) return;
    last = now();
    update(picture((stream.rows ?? 24) - 1));
  };
  /** Above the picture. */
  const say = (print: () => void): void => {
    if (!ended) update.clear();
    print();
    draw();
  };
  // Beside the events: seconds go on while a step is silent. It keeps no process alive.
  const timer = setInterval(draw, PERIOD * 1000);
  timer.unref?.();
  return {
    onProgress(event) {
      steps.add(event);
      // Where work keeps the event loop busy, timers come late and events do not.
      if (now() - last >= PERIOD) draw();
    },
    warn: (message) => say(() => warnPlainly(stream, printable(message), style.yellow)),
    note: (message) => say(() => notePlainly(stream, printable(message), style.dim)),
    end() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      update.clear();
      // Not through `update`, which cuts what is higher than the screen.
      stream.write(`${picture(Number.POSITIVE_INFINITY)}\n`);
      update.done();
    },
  };
}

interface Picture {
  readonly style: Style;
  /** Cells of a line. */
  readonly width: number;
  /** Counts the pictures, for what moves. */
  readonly tick: number;
}

/** The lines of all steps, `rows` at most: where they are too many, those that have ended give way. */
export function drawSteps(steps: StepTable, title: string, rows: number, picture: Picture): string {
  const drawn: { readonly line: string; readonly over: boolean }[] = [];
  const add = (step: StepState, depth: number): void => {
    const echo = steps.isEcho(step);
    if (!echo) drawn.push({ line: drawStep(steps, step, depth, picture), over: step.ended !== undefined });
    for (const child of steps.children(step.id)) add(child, echo ? depth : depth + 1);
  };
  for (const root of steps.roots()) add(root, 0);
  let excess = drawn.length - (rows - 1);
  const kept = drawn.filter(({ over }) => !(over && excess-- > 0)).slice(0, Math.max(0, rows - 1));
  return [picture.style.bold(truncate(`[+] ${title}`, picture.width)), ...kept.map(({ line }) => line)].join("\n");
}

function drawStep(steps: StepTable, step: StepState, depth: number, { style, width, tick }: Picture): string {
  const seconds = steps.seconds(step);
  const time = padLeft(step.cached ? "cached" : formatSeconds(seconds), 7);
  const amount = amountOf(step, steps.rate(step));
  const indent = " ".repeat(1 + 2 * depth);
  const room = width - indent.length - 2;
  const right = `${amount === "" ? "" : ` ${amount}`}${time}`;
  const nameRoom = Math.max(8, room - displayWidth(right));
  const name = pad(truncate(shortenDigests(printable(step.name)), nameRoom), nameRoom);
  const tail = truncate(right, Math.max(0, room - nameRoom));
  return `${indent}${markOf(step, steps.stopped(step) !== undefined, style, tick)} ${step.ended === undefined ? name : style.dim(name)}${style.dim(tail)}`;
}

function markOf(step: StepState, stopped: boolean, style: Style, tick: number): string {
  if (step.state === "completed") return style.green("✓");
  if (step.state === "failed") return isAbort(step.error) ? style.yellow("✗") : style.red("✗");
  // Its end was not waited for.
  if (stopped) return style.yellow("✗");
  return style.cyan(SPINNER[tick % SPINNER.length] ?? "");
}

/** `64.0 MB / 120 MB  38.2 MB/s` while it runs, `120 MB  38.2 MB/s` afterwards. */
function amountOf({ current, total, ended, cached }: StepState, rate: number | undefined): string {
  if (!current || cached) return "";
  const of = total === undefined || ended !== undefined ? "" : ` / ${formatBytes(total)}`;
  return `${formatBytes(current)}${of}${rate === undefined ? "" : `  ${formatBytes(rate)}/s`}`;
}
