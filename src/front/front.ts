/** Makes the report of a front from its plan. */

import { join } from 'node:path';
import { type ReportEnd, runAndReport } from '../reproduce/reproduce.js';
import { makeFolder, writeDurably } from '../runs/index.js';
import type { ExecuteOptions } from '../runs/plan/executePlan.js';
import type { Front } from './frontPlan.js';
import { frontReport } from './frontReport.js';

/** Executes the plan and, unless the signal came before the end, writes the report: `paths` are its two files. */
export async function makeFront(
  front: Front,
  options: ExecuteOptions & { readonly command: string },
): Promise<ReportEnd> {
  const { plan, folder, text } = front;
  makeFolder(folder);
  writeDurably(join(folder, 'front.cfg'), text);
  const report = () => frontReport(front, options.command);
  return runAndReport({ plan, folder: join(folder, 'report'), does: 'makes the front', report }, options);
}
