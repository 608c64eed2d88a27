/** The examples that demo.test.ts leaves out. */
import { it } from 'vitest';
import { checkDemo } from './demo-run.ts';

it.each(['health', 'aml'])('dpca demo %s releases noised figures beside the truth', checkDemo);
