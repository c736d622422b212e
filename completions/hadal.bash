# bash completion of hadal. Written by tools/make_docs.py.
_hadal() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" words="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in bench|chat|data|eval|finetune|gradients|inspect|logits|make-random|prepare|render|run|serve|skills|tokenize|tokenizer|train) command="${command:+$command }$word" ;; esac
  done
  case "$previous" in
    --numerics) COMPREPLY=($(compgen -W "native stored fp32 official" -- "$current")); return ;;
    --load) COMPREPLY=($(compgen -W "mmap read" -- "$current")); return ;;
    --engram) COMPREPLY=($(compgen -W "mmap ram disk" -- "$current")); return ;;
    --speculate) COMPREPLY=($(compgen -W "auto on off" -- "$current")); return ;;
    --preset) COMPREPLY=($(compgen -W "tiny mid large flash-shape v32-tiny v32-large v41-tiny v41-large" -- "$current")); return ;;
    --format) COMPREPLY=($(compgen -W "fp8fp4 bf16" -- "$current")); return ;;
    --dialect) COMPREPLY=($(compgen -W "default deepseek" -- "$current")); return ;;
  esac
  case "$command" in
    "") words="-h --help --version -q --quiet -v --verbose bench chat data eval finetune inspect make-random render run serve tokenize tokenizer train" ;;
    "bench") words="-h --help -t --threads --numerics --load --engram --train --prompt --gen --ctx --chunk --steps --json" ;;
    "chat") words="-h --help -t --threads --numerics --load --engram --adapter --system --think --load-chat -n --tokens --ctx --chunk --speculate --dry-run --temp --temperature --top-k --top-p --min-p --repeat-penalty --presence-penalty --frequency-penalty --logit-bias --seed" ;;
    "data") words="-h --help prepare" ;;
    "data prepare") words="-h --help --tokenizer --encoding -o --out --shard-tokens" ;;
    "eval") words="-h --help logits gradients skills" ;;
    "eval logits") words="-h --help -t --threads --numerics --load --engram --ids --out --chunk --decode-from --mtp --trace --teacher" ;;
    "eval gradients") words="-h --help -t --threads --numerics --load --engram --ids --out --mtp-weight --index-weight" ;;
    "eval skills") words="-h --help -t --threads --numerics --load --engram --adapter --cases --limit -n --tokens --replies --out" ;;
    "finetune") words="-h --help -o --out --lora --alpha --merge --epochs --steps --rate --rows --row-tokens --seed --checkpoint-every --resume -t --threads" ;;
    "inspect") words="-h --help --check --json --ctx --engram" ;;
    "make-random") words="-h --help --preset --set --format --seed -t --threads --json" ;;
    "render") words="-h --help --jsonl --ids --parse" ;;
    "run") words="-h --help -t --threads --numerics --load --engram --adapter -p --prompt -f --file -n --tokens --stop --ignore-eos --special --no-bos --json --logprobs --ctx --chunk --speculate --dry-run --temp --temperature --top-k --top-p --min-p --repeat-penalty --presence-penalty --frequency-penalty --logit-bias --seed" ;;
    "serve") words="-h --help -t --threads --numerics --load --engram --adapter --scripted --literals --dialect --alias --host --port --api-key --api-key-file --insecure-no-auth --tls-cert --tls-key --allow-host --deadline --max-queue-time --ctx --slots --cache --cache-dir --disk-cache --disk-writes --speculate --chats --no-chats --drain" ;;
    "tokenize") words="-h --help --jsonl --plain --decode" ;;
    "tokenizer") words="-h --help train" ;;
    "tokenizer train") words="-h --help --vocab --no-digit-merges{false} -o --out" ;;
    "train") words="-h --help --resume --carry --carry-out --stop-after --dry-run --export --format" ;;
  esac
  if [[ $current == -* || -z $command || $command == eval ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _hadal hadal
