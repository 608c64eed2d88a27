/**
 * Pages in Debian's Chromium, read-only: what it logs, what it requests, and what axe-core finds.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { HtmlValidate, type Message } from 'html-validate';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM: string | undefined = PATHS.find((path) => existsSync(path));
if (CHROMIUM === undefined) {
  console.warn('SKIPPED: no Chromium at /usr/bin, pages are not opened (apt-get install chromium)');
}

/** A fresh profile each time. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    headless: true,
    timeout: 60_000,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

export interface Look {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly script?: boolean;
}

export interface Seen {
  readonly page: Page;
  /** Console messages of any level, and uncaught errors. */
  readonly messages: readonly string[];
  /** Requests beside that for the page itself. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export async function look(browser: Browser, url: string, how: Look): Promise<Seen> {
  const context = await browser.newContext({
    viewport: { width: how.width, height: 900 },
    colorScheme: how.scheme,
    javaScriptEnabled: how.script ?? true,
    // axe-core is put into the page by the test; the page itself could not
    bypassCSP: false,
  });
  const page = await context.newPage();
  const messages: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url) requests.push(request.url());
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, messages, requests, close: () => context.close() };
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every rule of axe-core, best practices too; one line per element at fault. */
export async function axe(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResult>('axe.run(document)');
  return violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id}: ${node.html} ${node.failureSummary ?? ''}`),
  );
}

const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:a11y'],
  rules: { 'void-style': ['error', { style: 'selfclose' }] },
});

/** What html-validate says, one line per message. */
export async function invalidities(page: string): Promise<readonly string[]> {
  const report = await validator.validateString(page);
  return report.results.flatMap(({ messages }) =>
    messages.map((m: Message) => `${m.ruleId} ${m.line}:${m.column} ${m.message}`),
  );
}
