package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The emulated driver's state, which the container runtime mounts into every GPU container: tests/lab/driver.py writes it and says what its lines mean.
const stateFiles = "/lib/firmware/nvidia/*/gsp_lab.bin"

type instance struct {
	gi, ci  int
	profile string
	memory  int
}

type gpu struct {
	index, minor         int
	uuid, name, pciBusID string
	memory               int
	instances            []instance
}

type state struct {
	driver string
	gpus   []gpu
	// values that are fixed: number of the GPU, or GPU.GI of an instance, then field.
	values map[string]map[string]float64
	frozen bool
	// fields that no GPU measures.
	absent map[string]bool
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// capable tells whether the nodes of an instance's two capabilities are in this container; the driver's numbering is that of tests/lab/driver/state.c.
func capable(minor int, one instance) bool {
	capability := 3 + minor*135 + one.gi*9
	return there(fmt.Sprintf("/dev/nvidia-caps/nvidia-cap%d", capability)) && there(fmt.Sprintf("/dev/nvidia-caps/nvidia-cap%d", capability+1+one.ci))
}

// readState reads the state as far as this container may see it: the GPUs and instances whose device nodes it was given.
func readState() (state, error) {
	found := state{values: map[string]map[string]float64{}, absent: map[string]bool{}}
	paths, err := filepath.Glob(stateFiles)
	if err != nil || len(paths) == 0 {
		return found, fmt.Errorf("no GPU was given to this container: no %s", stateFiles)
	}
	found.driver = filepath.Base(filepath.Dir(paths[0]))
	file, err := os.Open(paths[0])
	if err != nil {
		return found, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		number := func(position int) int {
			value, _ := strconv.Atoi(words[position])
			return value
		}
		switch {
		case len(words) >= 7 && words[0] == "gpu":
			if there("/dev/nvidia" + words[1]) {
				found.gpus = append(found.gpus, gpu{
					index: len(found.gpus), minor: number(1), uuid: words[2], memory: number(3), pciBusID: words[4], name: strings.Join(words[6:], " "),
				})
			}
		case len(words) == 6 && words[0] == "instance":
			one := instance{gi: number(2), ci: number(3), profile: words[4]}
			var slices, gigabytes int
			fmt.Sscanf(one.profile, "%dg.%dgb", &slices, &gigabytes)
			one.memory = gigabytes * 1024 * 95 / 100
			for i := range found.gpus {
				if found.gpus[i].minor == number(1) && capable(number(1), one) {
					found.gpus[i].instances = append(found.gpus[i].instances, one)
				}
			}
		case len(words) == 4 && words[0] == "value":
			value, err := strconv.ParseFloat(words[3], 64)
			if err != nil {
				return found, fmt.Errorf("%s: %q", paths[0], lines.Text())
			}
			if found.values[words[1]] == nil {
				found.values[words[1]] = map[string]float64{}
			}
			found.values[words[1]][words[2]] = value
		case len(words) == 2 && words[0] == "absent":
			found.absent[words[1]] = true
		case len(words) == 1 && words[0] == "frozen":
			found.frozen = true
		}
	}
	return found, lines.Err()
}

// entity is what the exporter monitors: a GPU, or an instance of a GPU with MIG on.
type entity struct {
	gpu
	instance *instance
}

// key is the entity as the state's values call it.
func (e entity) key() string {
	if e.instance == nil {
		return strconv.Itoa(e.minor)
	}
	return fmt.Sprintf("%d.%d", e.minor, e.instance.gi)
}

// entities lists the monitored entities: GPUs without instances, and the first compute instance of each GPU instance.
func (s state) entities() []entity {
	var all []entity
	for _, one := range s.gpus {
		if len(one.instances) == 0 {
			all = append(all, entity{gpu: one})
		}
		seen := map[int]bool{}
		for i := range one.instances {
			if gi := one.instances[i].gi; !seen[gi] {
				seen[gi] = true
				all = append(all, entity{gpu: one, instance: &one.instances[i]})
			}
		}
	}
	return all
}
