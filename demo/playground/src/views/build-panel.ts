import { type App, attempt, tidy } from "../app.ts";
import { buildInWorker } from "../model/build-client.ts";
import { listStoredImages, openStoredImage, type StoredImage } from "../model/images.ts";
import { readSettings, type Settings } from "../model/settings.ts";
import type { WorkspaceState } from "../model/workspace.ts";
import { button, byId, h } from "./dom.ts";
import { downloadControl } from "./download-control.ts";
import { imageView } from "./image-view.ts";
import { forgetErrors, tell, tellError } from "./notices.ts";
import { ProgressList } from "./progress-list.ts";
import { pushControl } from "./push-control.ts";

/** What the other parts of the page can ask for. */
export interface BuildPanel {
  /** Shows an image of the store. */
  readonly open: (image: StoredImage) => Promise<void>;
  /** Takes an image away that is shown. */
  readonly close: (digest: string) => void;
}

const BUILDING = "Building the image";

/** Builds the image, shows how far that is and what comes of it. */
export function buildPanel(app: App, settings: () => Settings): BuildPanel {
  const { workspace, stores } = app;
  let running: AbortController | undefined;
  let shown: string | undefined;
  const start = button("Build image", () => void build(), { class: "primary" });
  const cancel = button("Cancel", () => running?.abort(new DOMException("The build was cancelled", "AbortError")));
  const hint = h("p", { class: "dim" });
  const said = h("p", { class: "visually-hidden", role: "status" });
  const progress = new ProgressList((message) => {
    said.textContent = message;
  });
  const warnings = h("ul", { class: "warnings", "aria-label": "Warnings" });
  const result = h("div", { class: "result" });
  cancel.hidden = true;
  byId("build").append(h("div", { class: "tools" }, start, cancel, hint), progress.element, said, warnings, result);
  workspace.subscribe(update);

  function update({ layers, uncommitted }: WorkspaceState): void {
    const changed = uncommitted.changes.length > 0;
    start.disabled = running !== undefined || (layers.length === 0 && !changed);
    start.textContent = changed ? "Commit and build image" : "Build image";
    hint.textContent =
      layers.length === 0 && !changed
        ? "There is nothing to build yet."
        : changed
          ? "What is in no layer yet becomes one."
          : "";
  }

  async function build(): Promise<void> {
    const { signal } = begin();
    try {
      const request = await readSettings(settings());
      await app.flush.editor();
      if (workspace.state.uncommitted.changes.length > 0) await workspace.commit();
      const top = workspace.state.layers.at(-1);
      if (top === undefined) return;
      const descriptor = await buildInWorker(top.key, request, {
        signal,
        onProgress: (event) => progress.show(event),
        onWarning: (message) => warnings.append(h("li", {}, message)),
      });
      said.textContent = `The image is built: ${descriptor.digest}`;
      const image = (await listStoredImages(stores)).find((stored) => stored.descriptor.digest === descriptor.digest);
      if (image !== undefined) await open(image);
    } catch (error) {
      if (signal.aborted) tell("The build was cancelled. Nothing of it stays.");
      else tellError(BUILDING, error);
    } finally {
      running = undefined;
      const hadFocus = document.activeElement === cancel;
      cancel.hidden = true;
      update(workspace.state);
      if (hadFocus) start.focus();
    }
    await attempt("Tidying up", () => tidy(app));
  }

  function begin(): AbortController {
    running = new AbortController();
    start.disabled = true;
    cancel.hidden = false;
    // A button that cannot be pressed any more loses the focus, and who works with keys their place.
    cancel.focus();
    forgetErrors(BUILDING);
    progress.clear();
    warnings.replaceChildren();
    result.replaceChildren();
    shown = undefined;
    return running;
  }

  async function open(image: StoredImage): Promise<void> {
    const opened = await openStoredImage(stores.content, image);
    shown = image.descriptor.digest;
    result.replaceChildren(
      imageView(opened, h("div", { class: "outlets" }, downloadControl(app, image), pushControl(app, image))),
    );
  }

  return {
    async open(image) {
      if (running !== undefined) return tell("An image is being built; open the other one when that is done.");
      progress.clear();
      warnings.replaceChildren();
      await open(image);
      byId("build-title").scrollIntoView({ block: "start" });
    },
    close(digest) {
      if (shown === digest) result.replaceChildren();
    },
  };
}
