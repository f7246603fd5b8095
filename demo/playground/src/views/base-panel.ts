import { familiarName, parseReference } from "slipway/oci";
import { type App, attempt, tidy } from "../app.ts";
import { shortDigest } from "../format.ts";
import { type Base, loadBase, pullBase, saveBase } from "../model/registries.ts";
import { readSettings, type Settings } from "../model/settings.ts";
import { button, byId, h } from "./dom.ts";
import { registryForm } from "./registry-form.ts";

/** What the images begin with: nothing, or an image that was pulled. */
export async function basePanel(app: App, settings: () => Settings): Promise<void> {
  const shown = h("div", { class: "base", "data-field": "base" });
  const form = registryForm(app, {
    id: "base",
    summary: "Start from an image…",
    action: "Pull",
    doing: "Pulling the image",
    reference: "",
    hint: "alpine, ghcr.io/owner/name:tag, localhost:5000/name",
    async run(reference, access, options) {
      const { platforms } = await readSettings(settings());
      const base = await pullBase(app.stores, reference, access, platforms, options);
      show(base);
      await tidy(app);
      return `Images begin with ${nameOf(base)} now.`;
    },
  });
  byId("base").append(shown, form);
  show(await loadBase(app.stores));

  function show(base: Base | undefined): void {
    if (base === undefined) {
      shown.replaceChildren(h("strong", {}, "Base"), h("span", { class: "dim" }, "none: images hold your files only"));
      return;
    }
    const { digest } = base.descriptor;
    shown.replaceChildren(
      h("strong", {}, "Base"),
      h("span", { class: "path" }, nameOf(base)),
      h("code", { class: "dim", title: digest }, shortDigest(digest)),
      button("Start from nothing", () => void attempt("Removing the base", remove), { class: "quiet" }),
    );
  }

  async function remove(): Promise<void> {
    await saveBase(app.stores, undefined);
    show(undefined);
    await tidy(app);
  }
}

const nameOf = ({ name }: Base): string => familiarName(parseReference(name));
