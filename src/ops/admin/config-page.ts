import type { Config } from '../../config/config.ts';
import { json, type PageEntry, page, text } from './page.ts';
import { oneOf } from './query.ts';

/** The configuration in force, without secrets. As YAML it is one that means the same. */
export function configPage(inForce: () => Config['shown'], since: () => Date): PageEntry {
  return page({
    path: '/config',
    summary: 'configuration in force, and where each value came from; ?format=yaml',
    query: { format: oneOf('json', 'yaml') },
    answer: ({ query }) => {
      const shown = inForce();
      const { hash, file, values } = shown;
      const loadedAt = since().toISOString();
      if (query.format !== 'yaml')
        return json({ hash, source: file ?? null, loadedAt, config: values, origins: shown.origins() });
      const head = `# ${file ?? 'no file'}, loaded at ${loadedAt}, hash ${hash}\n`;
      return text(
        200,
        `${head}# Durations are in ms, sizes in bytes. Values without a comment are defaults.\n${shown.yaml()}`,
      );
    },
  });
}
