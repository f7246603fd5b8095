import type { App } from "./app.ts";
import { Serial } from "./model/serial.ts";
import { loadSettings } from "./model/settings.ts";
import { openStores } from "./model/stores.ts";
import { Workspace } from "./model/workspace.ts";
import { buildPanel } from "./views/build-panel.ts";
import { byId } from "./views/dom.ts";
import { filesPanel } from "./views/files-panel.ts";
import { imagesPanel } from "./views/images-panel.ts";
import { layersPanel } from "./views/layers-panel.ts";
import { tellError } from "./views/notices.ts";
import { settingsForm } from "./views/settings-form.ts";

async function start(): Promise<void> {
  const stores = await openStores();
  const serial = new Serial();
  const workspace = await Workspace.open(stores, serial);
  const app: App = { stores, workspace, serial, flush: { editor: async () => undefined }, stored: new Set() };
  filesPanel(app);
  layersPanel(app);
  const settings = settingsForm(app, await loadSettings(stores.metadata));
  const panel = buildPanel(app, settings);
  await imagesPanel(app, panel);
  byId("main").hidden = false;
}

start().catch((error: unknown) => tellError("Opening the playground", error));
