import type { ProgressEvent } from "slipway";
import { formatBytes, shortDigest } from "../format.ts";
import { h } from "./dom.ts";

/** One line for each step of an operation, with a bar where it is known how far it is. */
export class ProgressList {
  readonly element: HTMLUListElement = h("ul", { class: "progress-list" });
  readonly #steps = new Map<
    string,
    { bar: HTMLProgressElement; name: HTMLElement; note: HTMLElement; item: HTMLElement }
  >();
  readonly #onStep: (message: string) => void;

  /** @param onStep told, in words, what has ended: for who does not see the bars */
  constructor(onStep: (message: string) => void) {
    this.#onStep = onStep;
  }

  clear(): void {
    this.#steps.clear();
    this.element.replaceChildren();
  }

  show(event: ProgressEvent): void {
    const { id, state, current, total, cached, parent } = event;
    const step = this.#steps.get(id) ?? this.#add(id, parent);
    const name = event.name.replace(/sha256:[0-9a-f]{64}/g, shortDigest);
    step.name.textContent = name;
    step.bar.setAttribute("aria-label", name);
    step.item.dataset.state = state;
    if (state === "running" || state === "started") {
      if (total !== undefined && total > 0) {
        step.bar.max = total;
        step.bar.value = current ?? 0;
      }
      step.note.textContent = current === undefined ? "" : amount(current, total);
      return;
    }
    step.bar.max = 1;
    step.bar.value = state === "completed" ? 1 : 0;
    step.note.textContent = state === "failed" ? "failed" : cached ? "was there" : "done";
    this.#onStep(`${name}: ${step.note.textContent}`);
  }

  #add(
    id: string,
    parent: string | undefined,
  ): { bar: HTMLProgressElement; name: HTMLElement; note: HTMLElement; item: HTMLElement } {
    const bar = h("progress", {});
    const name = h("span", { class: "name" });
    const note = h("span", { class: "dim size" });
    const item = h("li", { class: parent === undefined ? undefined : "child" }, name, bar, note);
    this.element.append(item);
    const step = { bar, name, note, item };
    this.#steps.set(id, step);
    return step;
  }
}

const amount = (current: number, total: number | undefined): string =>
  total === undefined ? formatBytes(current) : `${formatBytes(current)} of ${formatBytes(total)}`;
