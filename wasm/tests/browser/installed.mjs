import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The application in a folder of its own, with the package installed as from a registry: packed, and with npm. */
export function install() {
  const folder = mkdtempSync(join(tmpdir(), "dotted-app-"));
  cpSync(here("app"), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  const npm = (...options) => execFileSync("npm", [...options, "--loglevel=error"], { cwd: folder, encoding: "utf8" }).trim();
  const packed = npm("pack", "--silent", here("../../dist"));
  npm("install", "--offline", "--no-audit", "--no-fund", `./${packed}`);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
