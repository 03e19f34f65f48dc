/** A plugin of TypeDoc: constants that are objects have their values on their page. TypeDoc shows an ellipsis. */
import {
  type Application,
  Comment,
  type Context,
  Converter,
  type DeclarationReflection,
  ReflectionKind,
} from 'typedoc';
import { isVariableDeclaration } from 'typescript';

export function load(app: Application): void {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, showValue);
}

function showValue(context: Context, reflection: DeclarationReflection): void {
  if (!reflection.kindOf(ReflectionKind.Variable) || reflection.defaultValue !== '...') return;
  const declaration = context.getSymbolFromReflection(reflection)?.valueDeclaration;
  if (declaration === undefined || !isVariableDeclaration(declaration)) return;
  const value = declaration.initializer?.getText() ?? '';
  delete reflection.defaultValue;
  reflection.comment ??= new Comment();
  reflection.comment.summary.push({ kind: 'code', text: `\n\n\`\`\`ts\n${value}\n\`\`\`` });
}
